import { readFileSync } from 'node:fs';
import { parse, print, Kind } from 'graphql';

const document = parse(readFileSync(new URL('../../gateway/contract/operations.graphql', import.meta.url), 'utf8'));

/** The text of an operation of the contract. */
export function operation(name) {
  const found = document.definitions.find(
    (each) => each.kind === Kind.OPERATION_DEFINITION && each.name?.value === name,
  );
  if (!found) throw new Error(`the contract has no operation ${name}`);
  return print(found);
}
