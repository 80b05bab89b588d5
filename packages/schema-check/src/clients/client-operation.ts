import {
  Kind,
  visit,
  type DocumentNode,
  type FragmentDefinitionNode,
  type FragmentSpreadNode,
  type OperationDefinitionNode,
} from 'graphql';
import type { Place } from '../finding.js';

/** An operation that some client sends, with the fragments that it spreads. */
export interface ClientOperation {
  readonly name: string;
  readonly client: string;
  readonly document: DocumentNode;
  readonly place: Place;
  /** Whether nodes of the document stand where they say; those of JSON stand at `place`. */
  readonly isFile: boolean;
  /** Whether it was registered, or only seen. */
  readonly isRegistered: boolean;
  readonly firstSeen?: string;
  readonly lastSeen?: string;
  readonly count?: number;
}

/** Finds the fragment that is spread somewhere. */
export type FindFragment = (spread: FragmentSpreadNode) => FragmentDefinitionNode | undefined;

/** Splits a document: each operation with the fragments that it needs, directly or by others. */
export function splitDocument(
  document: DocumentNode,
  findFragment: FindFragment = fragmentsOf(document),
): Array<{ readonly name: string; readonly document: DocumentNode }> {
  return document.definitions
    .filter((definition): definition is OperationDefinitionNode => definition.kind === Kind.OPERATION_DEFINITION)
    .map((operation) => {
      const needed = new Map<string, FragmentDefinitionNode>();
      const collect = (node: OperationDefinitionNode | FragmentDefinitionNode) =>
        visit(node, {
          FragmentSpread(spread) {
            const fragment = findFragment(spread);
            if (!fragment || needed.has(spread.name.value)) return;
            needed.set(spread.name.value, fragment);
            collect(fragment);
          },
        });
      collect(operation);
      return {
        name: operation.name?.value ?? '(anonymous)',
        document: { kind: Kind.DOCUMENT, definitions: [operation, ...needed.values()] },
      };
    });
}

function fragmentsOf({ definitions }: DocumentNode): FindFragment {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of definitions)
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  return ({ name }) => fragments.get(name.value);
}
