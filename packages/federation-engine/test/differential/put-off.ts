import {
  Kind,
  parse,
  print,
  visit,
  type DirectiveNode,
  type InlineFragmentNode,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql';
import type { GeneratedOperation } from './generate-operation.js';
import { createRandom } from './random.js';

const MAX_DEFERRED = 5;

/** Puts off parts of an operation, some of them in others, with and without conditions. Null when nothing is. */
export function putOff({ query, variables }: GeneratedOperation, seed: number): GeneratedOperation | null {
  const random = createRandom(seed);
  const given: Record<string, boolean> = {};
  let count = 0;

  function directive(name: string, prefix: string | null): DirectiveNode {
    if (prefix === null) return { kind: Kind.DIRECTIVE, name: { kind: Kind.NAME, value: name } };
    const variable = `${prefix}${random.below(2)}`;
    given[variable] ??= random.chance(0.5);
    const value = { kind: Kind.VARIABLE, name: { kind: Kind.NAME, value: variable } } as const;
    const argument = { kind: Kind.ARGUMENT, name: { kind: Kind.NAME, value: 'if' }, value } as const;
    return { kind: Kind.DIRECTIVE, name: { kind: Kind.NAME, value: name }, arguments: [argument] };
  }

  function split(set: SelectionSetNode): SelectionSetNode | undefined {
    const [now, later]: [SelectionNode[], SelectionNode[]] = [[], []];
    for (const selection of set.selections) (random.chance(0.5) ? now : later).push(selection);
    if (later.length === 0 || count >= MAX_DEFERRED || !random.chance(0.3)) return undefined;
    count += 1;
    const directives = [directive('defer', random.chance(0.25) ? 'd' : null)];
    if (random.chance(0.15)) directives.push(directive(random.chance(0.5) ? 'include' : 'skip', 'i'));
    const selectionSet: SelectionSetNode = { kind: Kind.SELECTION_SET, selections: later };
    const fragment: InlineFragmentNode = { kind: Kind.INLINE_FRAGMENT, directives, selectionSet };
    return { ...set, selections: [...now, fragment] };
  }

  const document = visit(parse(query, { noLocation: true }), { SelectionSet: { leave: split } });
  if (count === 0) return null;
  const declared = Object.keys(given).map((name) => `$${name}: Boolean!`);
  const text = print(document);
  const head = /^query Generated(\((.*)\))? \{$/m.exec(text);
  const all = [...(head?.[2] === undefined ? [] : [head[2]]), ...declared].join(', ');
  return {
    query: all === '' ? text : text.replace(head?.[0] ?? '', () => `query Generated(${all}) {`),
    variables: { ...variables, ...given },
  };
}

/** The same operation with nothing put off. */
export function putNothingOff({ query, variables }: GeneratedOperation): GeneratedOperation {
  const document = visit(parse(query, { noLocation: true }), {
    Directive: ({ name }) => (name.value === 'defer' ? null : undefined),
    VariableDefinition: ({ variable }) => (/^d\d$/.test(variable.name.value) ? null : undefined),
  });
  return { query: print(document), variables };
}
