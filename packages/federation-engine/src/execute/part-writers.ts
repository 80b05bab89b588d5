import { isCompositeType, getNamedType, type GraphQLCompositeType, type SelectionSetNode } from 'graphql';
import type { Operation } from '../compile/operation.js';
import { everyField, responseNameOf } from '../compile/plan/every-field.js';
import { compileResponseWriter, type ResponseWriter } from '../compile/write/response-writer.js';
import type { PathStep } from '../compile/plan/steps.js';
import type { Data } from '../request/data.js';

/** Writers differ by the values of Boolean variables, which clients choose. */
const MAX_WRITERS = 64;

const writers = new WeakMap<Operation, Map<string, ResponseWriter>>();

/** Finds or makes a writer that is kept with its operation. */
function writerFor(operation: Operation, key: string, compile: () => ResponseWriter): ResponseWriter {
  const known = writers.get(operation) ?? new Map<string, ResponseWriter>();
  writers.set(operation, known);
  let writer = known.get(key);
  if (!writer) {
    if (known.size >= MAX_WRITERS) known.clear();
    writer = compile();
    known.set(key, writer);
  }
  return writer;
}

/** Writes everything that is not put off, and builds it as a value: where a part has a place is read from that. */
export function primaryWriter(operation: Operation, conditions: ReadonlyMap<string, boolean>): ResponseWriter {
  const { supergraph, fragments, rootType, node } = operation;
  return writerFor(operation, `primary ${[...conditions.values()].join()}`, () =>
    compileResponseWriter(
      { schema: supergraph.schema, fragments, conditions, withoutDeferred: true },
      rootType,
      [node.selectionSet],
      'both',
    ),
  );
}

/** The writer of what a part selects, which builds it as well, at a place of this type; for a place that does not tell, of the declared type. */
export function partWriter(
  operation: Operation,
  name: string,
  path: readonly PathStep[],
  conditions: ReadonlyMap<string, boolean>,
  value: Data,
): ResponseWriter | null {
  const selected = operation.deferred.get(name);
  if (!selected) return null;
  const { schema } = operation.supergraph;
  const typename = path.length === 0 ? operation.rootType.name : value['__typename'];
  const named = typeof typename === 'string' ? schema.getType(typename) : undefined;
  const type = isCompositeType(named) ? named : typeAt(operation, path);
  const { fragments } = operation;
  return writerFor(operation, `${name} ${type.name} ${[...conditions.values()].join()}`, () =>
    compileResponseWriter(
      { schema, fragments, conditions, withoutDeferred: true },
      type,
      [selected.selectionSet],
      'both',
    ),
  );
}

/** The type declared at a path. */
function typeAt({ supergraph, rootType, node, fragments }: Operation, path: readonly PathStep[]): GraphQLCompositeType {
  let type: GraphQLCompositeType = rootType;
  let selections: readonly SelectionSetNode[] = [node.selectionSet];
  for (const step of path) {
    if (step.kind === 'type') {
      const named = supergraph.schema.getType(step.condition);
      if (isCompositeType(named)) type = named;
      continue;
    }
    if (step.kind === 'items') continue;
    const fields = everyField(selections, fragments).filter((field) => responseNameOf(field) === step.name);
    const definition = 'getFields' in type ? type.getFields()[fields[0]?.name.value ?? ''] : undefined;
    const named = definition && getNamedType(definition.type);
    if (!named || !isCompositeType(named)) break;
    type = named;
    selections = fields.flatMap(({ selectionSet }) => selectionSet ?? []);
  }
  return type;
}
