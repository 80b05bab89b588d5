import { MapperKind, mapSchema } from '@graphql-tools/utils';
import type { GraphQLSchema } from 'graphql';
import type { RequestContext } from './request-context.js';

/** The loaders that a context carries; a context without any has none to be made anew. */
type LoadersOf<Context> = Context extends { readonly loaders: infer Loaders } ? Loaders : never;

export interface ContextParts<Context extends RequestContext> {
  readonly context: (request: RequestContext) => Omit<Context, 'loaders'> | Promise<Omit<Context, 'loaders'>>;
  readonly loaders?: ((request: RequestContext) => LoadersOf<Context>) | undefined;
}

const RENEW = Symbol('renewLoaders');
type Renew = (context: object) => void;

/** Joins the parts of a context, so that its loaders can be made anew. */
export function contextMaker<Context extends RequestContext>({
  context,
  loaders,
}: ContextParts<Context>): (request: RequestContext) => Promise<Context> {
  return async (request) => {
    const made = (await context(request)) as unknown as Context;
    if (!loaders) return made;
    // Apollo Server copies a context: it is told which one is meant, and takes along what is enumerable.
    const renew: Renew = (which) => {
      Reflect.set(which, 'loaders', loaders(request));
    };
    renew(made);
    return Object.assign(made, { [RENEW]: renew });
  };
}

/**
 * Gives an execution fresh loaders after each field of `Mutation`, before its answer is read and before the next one begins
 * (GraphQL, 6.2.2: they run one after the other). What was loaded before is what was true before; so no mutation has to know what
 * it has made stale, and none can forget something.
 */
export function renewLoadersAfterMutations(schema: GraphQLSchema): GraphQLSchema {
  return mapSchema(schema, {
    [MapperKind.MUTATION_ROOT_FIELD]: (field) => {
      const { resolve } = field;
      if (!resolve) return field;
      return {
        ...field,
        async resolve(source, args, context: { readonly [RENEW]?: Renew }, info) {
          try {
            const result: unknown = await resolve(source, args, context, info);
            return result;
          } finally {
            context[RENEW]?.(context);
          }
        },
      };
    },
  });
}
