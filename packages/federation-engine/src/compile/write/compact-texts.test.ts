import { serialize } from 'node:v8';
import { describe, expect, it } from '@jest/globals';
import { parse, type OperationDefinitionNode } from 'graphql';
import { compileResponseWriter } from './response-writer.js';
import { toSupergraph } from '../../supergraph/supergraph.js';
import { compactTexts } from '../../request/compact-texts.js';

/** V8 writes a text as it keeps it: the tag `c` is that of two bytes for a character (after the version and padding). */
const takesTwoBytes = (text: string) =>
  serialize(text).subarray(2).toString('latin1').replace(/^\0/, '').startsWith('c');

// Short texts are kept once for the whole process, in the form in which they came first: these names are no others' names.
const SDL = `
  "A thing — with a dash in what is said of it."
  type CompactThing { compactPrice: Int compactName: String }
  type Query { compactThings: [CompactThing] }`;

const { schema } = toSupergraph(
  {
    apiSdl: SDL,
    subtypes: [],
    interfaceObjects: [],
    subgraphs: [],
    overrides: [],
    plannerNames: [],
    costs: { lists: [], weights: [] } as never,
    requirements: { conditions: [], byCoordinate: [] },
  },
  () => Promise.reject(new Error('nothing is planned')),
);

describe('compact texts', () => {
  it('are the same JSON, a byte for each character', () => {
    const cut = '— cut'.slice(2) + 'x'.repeat(20);
    expect(takesTwoBytes(cut)).toBe(true);
    const compact = compactTexts({ cut, kept: ['—', 1, null] });
    expect(compact).toEqual({ cut, kept: ['—', 1, null] });
    expect(takesTwoBytes(compact.cut)).toBe(false);
  });

  it('are names of a schema that has other characters in its descriptions', () => {
    const type = schema.getType('CompactThing');
    expect(type?.description).toBe('A thing — with a dash in what is said of it.');
    expect(takesTwoBytes(`${type?.name} of the graph`)).toBe(false);
  });

  it('are answers to operations that have other characters in their text', () => {
    const query = '# — an operation\n{ compactThings { name: compactName compactAlias: compactPrice } }';
    const [operation] = parse(query).definitions as [OperationDefinitionNode];
    const root = schema.getQueryType();
    if (!root) throw new Error('no query type');
    const context = { schema, fragments: new Map(), conditions: new Map() };
    const write = compileResponseWriter(context, root, [operation.selectionSet]);
    const { text } = write({ compactThings: [{ name: 'a', compactAlias: 1 }] }, new Set(), new Set());
    expect(text).toBe('{"compactThings":[{"name":"a","compactAlias":1}]}');
    expect(takesTwoBytes(text as string)).toBe(false);
  });
});
