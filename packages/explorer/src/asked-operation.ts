import { Kind, parse, type DocumentNode } from 'graphql';

/** What is sent: the text of the editor, read anew, and the name of one of its operations. */
export interface AskedOperation {
  /** Absent where the text cannot be parsed: the gateway tells what is wrong with it. */
  readonly document?: DocumentNode;
  readonly operationName?: string;
}

/**
 * Reads what a text asks for. The editor looks up the names of a text's operations a tenth of a second after the last key; until then it
 * gives the name of what stood there before.
 */
export function askedOperation(text: string, editorsName: string | null | undefined): AskedOperation {
  let document: DocumentNode;
  try {
    document = parse(text);
  } catch {
    return {};
  }
  const names = document.definitions.flatMap((one) =>
    one.kind === Kind.OPERATION_DEFINITION ? [one.name?.value] : [],
  );
  const name = names.includes(editorsName ?? undefined) ? editorsName : names[0];
  return { document, ...(name != null && { operationName: name }) };
}
