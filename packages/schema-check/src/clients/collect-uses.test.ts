import { describe, expect, it } from '@jest/globals';
import { buildSchema, parse } from 'graphql';
import { findChanges } from '../checks/changes.js';
import { splitDocument } from './client-operation.js';

const BEFORE = `
  interface Named { name(short: Boolean): String }
  type Cat implements Named { name(short: Boolean): String lives: Int }
  type Dog implements Named { name(short: Boolean): String }
  union Pet = Cat | Dog
  enum Size { SMALL BIG }
  input Where { size: Size near: Point limit: Int = 3 }
  input Point { x: Int! y: Int }
  type Query { pets(where: Where, size: Size): [Pet] named: Named size: Size plain: Int }
`;

/** Which of these operations a change hurts. */
async function hurt(from: string, to: string, operations: Readonly<Record<string, string>>): Promise<string[]> {
  if (!BEFORE.includes(from)) throw new Error(`The schema has no ${from}`);
  const findings = await findChanges({
    schema: 'api',
    before: buildSchema(BEFORE),
    after: buildSchema(BEFORE.replaceAll(from, to)),
    findPlace: () => undefined,
    operations: Object.entries(operations).flatMap(([name, text]) =>
      splitDocument(parse(text)).map(({ document }) => ({
        name,
        client: 'test',
        document,
        place: { file: name, line: 1, column: 1 },
        isFile: false,
        isRegistered: true,
      })),
    ),
  });
  const errors = findings.filter(({ severity }) => severity === 'error');
  return [...new Set(errors.flatMap(({ usedBy }) => usedBy ?? []).map(({ operation }) => operation))].sort();
}

describe('whom a change hurts', () => {
  const plain = { plain: '{ plain }' };

  it.each([
    [
      'a field is gone',
      ' lives: Int',
      '',
      { fragment: '{ pets { ... on Cat { lives } } }', other: '{ pets { ... on Cat { name } } }' },
      ['fragment'],
    ],
    [
      'a field of an interface changes its type',
      'name(short: Boolean): String',
      'name(short: Boolean): Int',
      { byInterface: '{ named { name } }', byType: '{ pets { ... on Dog { name } } }' },
      ['byInterface', 'byType'],
    ],
    [
      'an argument is gone',
      '(short: Boolean)',
      '',
      { given: '{ named { name(short: true) } }', not: '{ named { name } }' },
      ['given'],
    ],
    [
      'an argument must be given',
      'plain: Int',
      'plain(much: Int!): Int',
      { asks: '{ plain }', not: '{ size }' },
      ['asks'],
    ],
    [
      'a value is gone',
      'enum Size { SMALL BIG }',
      'enum Size { SMALL }',
      {
        literal: '{ pets(size: BIG) { __typename } }',
        small: '{ pets(size: SMALL) { __typename } }',
        variable: 'query ($s: Size) { pets(size: $s) { __typename } }',
        nested: 'query ($w: Where) { pets(where: $w) { __typename } }',
        output: '{ size }',
      },
      ['literal', 'nested', 'variable'],
    ],
    [
      'a field of an input is gone',
      ' y: Int',
      '',
      {
        literal: '{ pets(where: { near: { x: 1, y: 2 } }) { __typename } }',
        without: '{ pets(where: { near: { x: 1 } }) { __typename } }',
        variable: 'query ($w: Where) { pets(where: $w) { __typename } }',
      },
      ['literal', 'variable'],
    ],
    [
      'a field of an input must be given',
      ' y: Int',
      ' y: Int z: Int!',
      {
        literal: '{ pets(where: { near: { x: 1 } }) { __typename } }',
        another: '{ pets(where: { size: BIG }) { __typename } }',
        variable: 'query ($p: Point!) { pets(where: { near: $p }) { __typename } }',
      },
      ['literal', 'variable'],
    ],
    [
      'a member leaves its union',
      'union Pet = Cat | Dog',
      'union Pet = Cat',
      { names: '{ pets { ... on Dog { name } } }', not: '{ pets { ... on Cat { name } } }' },
      ['names'],
    ],
  ] as const)('where %s', async (_what, from, to, operations, expected) => {
    expect(await hurt(from, to, { ...operations, ...plain })).toEqual(
      'asks' in operations ? [...expected, 'plain'] : expected,
    );
  });
});
