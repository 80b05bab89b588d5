import { Kind, type DocumentNode, type TypeNode } from 'graphql';
import { create } from 'zustand';

/** Files by the variable that they are for. */
export const useFiles = create<{ readonly chosen: Readonly<Record<string, readonly File[]>> }>(() => ({ chosen: {} }));

/** Lists the variables of an operation that are files. */
export function uploadVariables(
  document: DocumentNode,
  operationName: string | null | undefined,
): Array<{ readonly name: string; readonly isList: boolean }> {
  const operations = document.definitions.flatMap((one) => (one.kind === Kind.OPERATION_DEFINITION ? one : []));
  const operation = operations.find(({ name }) => name?.value === operationName) ?? operations[0];
  return (operation?.variableDefinitions ?? []).flatMap(({ variable, type }) => {
    const { name, isList } = namedType(type);
    return name === 'Upload' ? { name: variable.name.value, isList } : [];
  });
}

function namedType(type: TypeNode, isList = false): { readonly name: string; readonly isList: boolean } {
  if (type.kind === Kind.NAMED_TYPE) return { name: type.name.value, isList };
  return namedType(type.type, isList || type.kind === Kind.LIST_TYPE);
}
