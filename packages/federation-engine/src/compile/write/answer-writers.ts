import {
  getNamedType,
  isCompositeType,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  type GraphQLObjectType,
  type GraphQLSchema,
  type SelectionSetNode,
} from 'graphql';
import { everyField, responseNameOf } from '../plan/every-field.js';
import type { DeferredSelection } from '../plan/defer-labels.js';
import type { DeferredPart, PathStep } from '../plan/steps.js';
import { compileResponseWriter, type ResponseWriter } from './response-writer.js';

/** Values of the Boolean variables that decide about selections. */
type Conditions = ReadonlyMap<string, boolean>;

/** What writes an operation's answer. Each writer is compiled when it is first asked for, and kept with the operation. */
export interface AnswerWriters {
  /** Writes the answer where conditions have these values, as a text or as a value. */
  whole(conditions: Conditions, form?: 'text' | 'value'): ResponseWriter;
  /** Writes everything that is not put off, and builds it as a value: where a part has a place is read from that. */
  primary(conditions: Conditions): ResponseWriter;
  /**
   * Writes what a part selects, and builds it as well, at a place of the type that the data tell; for a place that does not tell, of the
   * declared type. Null for a part that nobody knows.
   */
  part(part: Pick<DeferredPart, 'name' | 'path'>, typename: unknown, conditions: Conditions): ResponseWriter | null;
  /** Those of whole answers that there are so far, by form and by the values of conditions. */
  readonly ofWholes: ReadonlyMap<string, ResponseWriter>;
}

/** What an operation selects. */
interface Selected {
  readonly schema: GraphQLSchema;
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  readonly rootType: GraphQLObjectType;
  readonly selectionSet: SelectionSetNode;
  readonly deferred: ReadonlyMap<string, DeferredSelection>;
}

/** Writers differ by the values of Boolean variables; an operation with many of them does not get one for each mix. */
const MAX_WHOLES = 32;
/** Those of parts differ by the part and its type as well. */
const MAX_PARTS = 64;

export function prepareWriters({ schema, fragments, rootType, selectionSet, deferred }: Selected): AnswerWriters {
  const wholes = new Map<string, ResponseWriter>();
  const parts = new Map<string, ResponseWriter>();
  const withoutDeferred = (
    conditions: Conditions,
    key: string,
    type: GraphQLCompositeType,
    selected: SelectionSetNode,
  ): ResponseWriter =>
    keep(parts, MAX_PARTS, `${key} ${valuesOf(conditions)}`, () =>
      compileResponseWriter({ schema, fragments, conditions, withoutDeferred: true }, type, [selected], 'both'),
    );

  /** The type declared at a path. */
  function typeAt(path: readonly PathStep[]): GraphQLCompositeType {
    let type: GraphQLCompositeType = rootType;
    let selections: readonly SelectionSetNode[] = [selectionSet];
    for (const step of path) {
      if (step.kind === 'type') {
        const named = schema.getType(step.condition);
        if (isCompositeType(named)) type = named;
        continue;
      }
      if (step.kind === 'items') continue;
      const fields = everyField(selections, fragments).filter((field) => responseNameOf(field) === step.name);
      const definition = 'getFields' in type ? type.getFields()[fields[0]?.name.value ?? ''] : undefined;
      const named = definition && getNamedType(definition.type);
      if (!named || !isCompositeType(named)) break;
      type = named;
      selections = fields.flatMap((field) => field.selectionSet ?? []);
    }
    return type;
  }

  return {
    ofWholes: wholes,
    whole(conditions, form = 'text') {
      const key = form === 'text' ? valuesOf(conditions) : `${form} ${valuesOf(conditions)}`;
      return (
        wholes.get(key) ??
        keep(wholes, MAX_WHOLES, key, () =>
          compileResponseWriter({ schema, fragments, conditions }, rootType, [selectionSet], form),
        )
      );
    },
    primary: (conditions) => withoutDeferred(conditions, 'primary', rootType, selectionSet),
    part({ name, path }, typename, conditions) {
      const selected = deferred.get(name);
      if (!selected) return null;
      const told = path.length === 0 ? rootType : typeof typename === 'string' ? schema.getType(typename) : undefined;
      const type = isCompositeType(told) ? told : typeAt(path);
      return withoutDeferred(conditions, `${name} ${type.name}`, type, selected.selectionSet);
    },
  };
}

function valuesOf(conditions: Conditions): string {
  if (conditions.size === 0) return '';
  return [...conditions.values()].map(Number).join('');
}

function keep(
  kept: Map<string, ResponseWriter>,
  max: number,
  key: string,
  compile: () => ResponseWriter,
): ResponseWriter {
  let writer = kept.get(key);
  if (!writer) {
    if (kept.size >= max) kept.clear();
    kept.set(key, (writer = compile()));
  }
  return writer;
}
