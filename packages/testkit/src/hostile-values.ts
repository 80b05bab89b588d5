import { Buffer } from 'node:buffer';

const UUID = '01890f3e-7b7a-7cc0-8000-000000000001';

/** Texts that servers, databases and displays have stumbled over. */
export const HOSTILE_TEXTS: readonly string[] = [
  '',
  ' ',
  '\u0000',
  '\u0000@x.y',
  'a\u0000b',
  '\u0001\u001b[31m\r\nSet-Cookie: a=b',
  '\u007f\u0080\u009f',
  // Halves of surrogate pairs, alone and the wrong way round.
  '\ud800',
  'a\udc00b',
  '\udc00\ud800',
  // Seen by nobody: zero-width, direction marks, fillers, a byte order mark, a blank of Braille.
  '\u200b\u200d\u200e\u202e\u2066\ufeff',
  '\u3164\u115f\u2800',
  '\u0301\u0301',
  '\u202eevil\u202c',
  // Composed, decomposed, and what becomes 18 characters in NFKC.
  'Zo\u00eb',
  'Zoe\u0308',
  '\ufdfa'.repeat(100),
  '\u0958'.repeat(200),
  '😀'.repeat(120),
  'x'.repeat(300),
  'x'.repeat(20_000),
  'e\u0301'.repeat(5_000),
  '__proto__',
  'constructor',
  'toString',
  `'; DROP TABLE users; --`,
  '%_\\',
  '\\',
  '{{7*7}}${7*7}<script>alert(1)</script>',
  '../../../etc/passwd',
  'null',
  '1e400',
  UUID,
  UUID.toUpperCase(),
  `${UUID}\n`,
  `{${UUID}}`,
  UUID.replaceAll('-', ''),
  '00000000-0000-0000-0000-000000000000',
  'ffffffff-ffff-ffff-ffff-ffffffffffff',
];

const HOSTILE_INSTANTS: readonly unknown[] = [
  '0000-01-01T00:00:00Z',
  '0001-01-01T00:00:00Z',
  '0001-01-01T00:00:00+14:00',
  '0099-12-31T23:59:59.999Z',
  '9999-12-31T23:59:59.999Z',
  '9999-12-31T23:59:59-14:00',
  '+275760-09-13T00:00:00.000Z',
  '-271821-04-20T00:00:00.000Z',
  '294277-01-01T00:00:00Z',
  '2016-12-31T23:59:60Z',
  '2026-02-30T00:00:00Z',
  '2026-02-28T24:00:00Z',
  '2027-03-28T02:30:00+02:00',
  '2027-01-01T00:00:00.123456789Z',
  `2027-01-01T00:00:00.${'9'.repeat(5_000)}Z`,
  '2027-01-01t00:00:00z',
  '2027-01-01T00:00:00+00:99',
  '2020',
  '2020-01-01',
  'now',
  'epoch',
  'infinity',
  '\u0000',
  '\ud800',
  '',
  0,
  8.64e15,
  -1,
  1e308,
  true,
];

const HOSTILE_NUMBERS: readonly unknown[] = [
  0,
  -1,
  1,
  101,
  2 ** 31 - 1,
  -(2 ** 31),
  2 ** 31,
  Number.MAX_SAFE_INTEGER,
  1e308,
  -0.5,
  1.5,
  '1',
  '',
  '\u0000',
  true,
];

/** Values of no scalar at all. `JSON.parse` gives it a member of this name, which a literal would not. */
const SHAPES: readonly unknown[] = [
  null,
  {},
  [],
  [[]],
  [null],
  JSON.parse('{"__proto__": {"polluted": true}, "constructor": {"prototype": {}}}'),
  { a: { b: { c: {} } } },
];

/** What may come where the schema has a scalar of this name, or an enum. */
export function hostileScalars(name: string): readonly unknown[] {
  switch (name) {
    case 'Int':
    case 'Float':
      return [...SHAPES, ...HOSTILE_NUMBERS];
    case 'Boolean':
      return [...SHAPES, 'true', 1, 0, '__proto__'];
    case 'DateTime':
      return [...SHAPES, ...HOSTILE_INSTANTS];
    case 'String':
    case 'ID':
      return [...SHAPES, ...HOSTILE_TEXTS, 0, -1, 1.5, 2 ** 53, true];
    default:
      return [...SHAPES, '', '__proto__', 'constructor', 'toString', 'valueOf', '\u0000', 'x'.repeat(20_000), 0, true];
  }
}

/** Lists of what may come where the schema has a list. */
export function hostileLists(sample: unknown, items: readonly unknown[]): readonly unknown[] {
  return [
    null,
    {},
    [],
    [null],
    [[sample]],
    [sample, sample],
    Array.from({ length: 101 }, () => sample),
    Array.from({ length: 2_000 }, (_, index) => (typeof sample === 'string' ? `${sample}${index}` : sample)),
    JSON.parse('{"__proto__": [], "length": 3}'),
    ...items.map((item) => [item]),
    ...items.map((item) => [sample, item]),
  ];
}

/** Cursors that are none, and ones whose contents somebody has made of those of a real one. */
export function hostileCursors(cursor: string): readonly string[] {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value) ?? '').toString('base64url');
  const contents: readonly unknown[] = [null, 0, 1.5, 2 ** 31, 2 ** 53, -1, 1e308, true, {}, [], ...HOSTILE_TEXTS];
  const values = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown[];
  return [
    '2020',
    encode(null),
    encode({}),
    encode({ length: values.length }),
    encode([]),
    encode([...values, 'more']),
    encode([...values].reverse()),
    encode(Array.from({ length: 1_000 }, () => null)),
    'W'.repeat(5_000),
    // The year 2020 alone is a date to JavaScript, and none to PostgreSQL.
    ...values.flatMap((_, index) =>
      [...contents, ...HOSTILE_INSTANTS, '2020'].map((wrong) =>
        encode(values.map((kept, at) => (at === index ? wrong : kept))),
      ),
    ),
  ];
}
