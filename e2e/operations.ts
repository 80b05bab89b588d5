import { readFileSync } from 'node:fs';
import { Kind, parse, print, type OperationDefinitionNode } from 'graphql';

/** The operations that frontends send, by name; the stories run these and no others. */
const operations = new Map<string, string>(
  parse(readFileSync(new URL('../gateway/contract/operations.graphql', import.meta.url), 'utf8'))
    .definitions.filter(
      (definition): definition is OperationDefinitionNode => definition.kind === Kind.OPERATION_DEFINITION,
    )
    .map((definition) => [definition.name?.value ?? '', print(definition)]),
);

export function operationNames(): readonly string[] {
  return [...operations.keys()];
}

/** @throws when the contract holds no operation of this name */
export function operation(name: string): string {
  const text = operations.get(name);
  if (text === undefined) throw new Error(`The contract holds no operation ${name}.`);
  return text;
}
