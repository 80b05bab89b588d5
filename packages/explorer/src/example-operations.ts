import { Kind, parse, type OperationDefinitionNode, type OperationTypeNode } from 'graphql';

/** One operation of a collection, as it is written, and what its author says of it. */
export interface ExampleOperation {
  readonly name: string;
  readonly type: OperationTypeNode;
  readonly text: string;
  readonly comment: string;
  readonly section: string;
}

const SECTION = /^#\s*-{3,}\s*(.+?)\s*-{3,}\s*$/;
const COMMENT = /^#\s?/;

/** Reads a document: a line such as `# ------ tasks ------` begins a section, and comments right above an operation are its own. */
export function readExampleOperations(text: string): ExampleOperation[] {
  if (text.trim() === '') return [];
  const lines = text.split('\n');
  const operations = parse(text).definitions.filter(
    (definition): definition is OperationDefinitionNode => definition.kind === Kind.OPERATION_DEFINITION,
  );
  return operations.map((operation) => {
    const { start = 0, end = 0 } = operation.loc ?? {};
    const firstLine = (operation.loc?.startToken.line ?? 1) - 1;
    return {
      name: operation.name?.value ?? 'unnamed',
      type: operation.operation,
      text: text.slice(start, end),
      comment: commentAbove(lines, firstLine),
      section: sectionOf(lines, firstLine),
    };
  });
}

function commentAbove(lines: readonly string[], line: number): string {
  const own: string[] = [];
  for (let above = line - 1; above >= 0; above -= 1) {
    const text = lines[above] ?? '';
    if (!text.startsWith('#') || SECTION.test(text)) break;
    own.unshift(text.replace(COMMENT, ''));
  }
  return own.join(' ').trim();
}

function sectionOf(lines: readonly string[], line: number): string {
  for (let above = line - 1; above >= 0; above -= 1) {
    const name = SECTION.exec(lines[above] ?? '')?.[1];
    if (name !== undefined) return name;
  }
  return '';
}
