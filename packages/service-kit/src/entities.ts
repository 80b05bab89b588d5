import { MapperKind, mapSchema } from '@graphql-tools/utils';
import {
  isObjectType,
  type GraphQLFieldResolver,
  type GraphQLObjectType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
} from 'graphql';

interface Reference {
  readonly __typename: string;
}

type ResolveReference = (reference: Reference, context: unknown, info: GraphQLResolveInfo) => unknown;

/** What Apollo Server's cache control adds where the schema has hints. */
interface CacheHints {
  readonly cacheHint: { restrict(hint: object): void };
  cacheHintFromType(type: GraphQLObjectType): object | undefined;
}

/**
 * Answers `_entities` (Federation, "Subgraph schema specification") as `@apollo/subgraph` does, and waits once for all of them in the place
 * of several times for each: loaders give a statement's rows at one moment, and graphql-js completes a list of values without another
 * promise. An entity that cannot be resolved costs itself.
 *
 * Types that are no objects are left to `@apollo/subgraph`.
 */
export function resolveEntitiesTogether(schema: GraphQLSchema): GraphQLSchema {
  return mapSchema(schema, {
    [MapperKind.QUERY_ROOT_FIELD]: (field, name) => {
      const { resolve } = field;
      return name === '_entities' && resolve ? { ...field, resolve: together(resolve) } : field;
    },
  });
}

function together(apollo: GraphQLFieldResolver<unknown, unknown>): GraphQLFieldResolver<unknown, unknown> {
  return (source, args: { readonly representations: readonly Reference[] }, context, info) => {
    const { representations } = args;
    const types = new Map<string, ResolveReference | null>();
    for (const { __typename } of representations) {
      if (types.has(__typename)) continue;
      const type = info.schema.getType(__typename);
      if (!isObjectType(type)) return apollo(source, args, context, info);
      types.set(__typename, resolverOf(type));
      restrictCaching(type, info);
    }
    let waits = false;
    const found = representations.map((reference) => {
      const resolve = types.get(reference.__typename);
      try {
        const value = resolve ? resolve(reference, context, info) : reference;
        if (isPromise(value)) waits = true;
        return value;
      } catch (error) {
        return error;
      }
    });
    const typed = (values: readonly unknown[]) =>
      values.map((value, index) => withTypename(value, representations[index]?.__typename as string));
    return waits ? settled(found).then(typed) : typed(found);
  };
}

/** Of each what it comes to, or its error, which is a field's error where it stands for a value. */
async function settled(values: readonly unknown[]): Promise<unknown[]> {
  const outcomes = await Promise.allSettled(values);
  return outcomes.map((outcome, index) => {
    if (outcome.status === 'fulfilled') return outcome.value;
    const reason: unknown = outcome.reason;
    // What is no error stays a promise that fails: graphql-js says then what it was.
    return reason instanceof Error ? reason : values[index];
  });
}

/** The type of an entity is that of its reference, also where one row answers two types. */
function withTypename(value: unknown, typename: string): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Error || isPromise(value)) return value;
  const named = (value as Partial<Reference>).__typename;
  if (named === typename) return value;
  if (named !== undefined) return { ...value, __typename: typename };
  (value as { __typename?: string }).__typename = typename;
  return value;
}

function resolverOf({ extensions }: GraphQLObjectType): ResolveReference | null {
  const apollo = extensions['apollo'] as { readonly subgraph?: { readonly resolveReference?: ResolveReference } };
  return apollo?.subgraph?.resolveReference ?? null;
}

function restrictCaching(type: GraphQLObjectType, info: GraphQLResolveInfo): void {
  const { cacheControl } = info as GraphQLResolveInfo & { readonly cacheControl?: CacheHints };
  const hint = cacheControl?.cacheHintFromType(type);
  if (hint) cacheControl?.cacheHint.restrict(hint);
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null)?.then === 'function';
}
