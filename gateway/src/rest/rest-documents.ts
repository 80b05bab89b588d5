import { readFileSync } from 'node:fs';
import {
  Kind,
  parse,
  print,
  visit,
  type FragmentDefinitionNode,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';

/** An operation of the façade, as it is sent through the gateway's own pipeline. */
export interface RestDocument {
  readonly name: string;
  readonly text: string;
  readonly operation: OperationDefinitionNode;
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
}

const FILE = new URL('../../rest.graphql', import.meta.url);

/** Reads the operations that stand with the gateway, by their names. */
export function readRestDocuments(text = readFileSync(FILE, 'utf8')): ReadonlyMap<string, RestDocument> {
  const { definitions } = parse(text, { noLocation: true });
  const fragments = new Map(
    definitions.flatMap((node) => (node.kind === Kind.FRAGMENT_DEFINITION ? [[node.name.value, node] as const] : [])),
  );
  return new Map(
    definitions.flatMap((operation) => {
      if (operation.kind !== Kind.OPERATION_DEFINITION) return [];
      const name = operation.name?.value ?? '';
      const used = [...namesIn(operation.selectionSet, fragments)].flatMap((used) => fragments.get(used) ?? []);
      const sent = print({ kind: Kind.DOCUMENT, definitions: [operation, ...used] });
      return [[name, { name, text: sent, operation, fragments }] as const];
    }),
  );
}

/** Fragments that a selection spreads, those of fragments among them. */
function namesIn(
  selections: SelectionSetNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  found = new Set<string>(),
): Set<string> {
  visit(selections, {
    FragmentSpread({ name: { value } }) {
      const fragment = fragments.get(value);
      if (found.has(value) || !fragment) return;
      found.add(value);
      namesIn(fragment.selectionSet, fragments, found);
    },
  });
  return found;
}
