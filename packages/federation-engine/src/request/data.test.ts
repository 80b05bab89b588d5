import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { own, type Data } from './data.js';

const INHERITED = Object.getOwnPropertyNames(Object.prototype);

describe('a member of an object of JSON', () => {
  it('is its own, whatever its name is and whatever it holds', () => {
    const name = fc.oneof(fc.constantFrom(...INHERITED), fc.string({ maxLength: 3 }));
    const pairs = fc.array(fc.tuple(name, fc.jsonValue({ maxDepth: 1 })), { maxLength: 6 });
    fc.assert(
      fc.property(pairs, name, (members, asked) => {
        const texts = new Map(members.map(([key, value]) => [key, JSON.stringify(value)]));
        const json = `{${[...texts].map(([key, text]) => `${JSON.stringify(key)}:${text}`).join(',')}}`;
        const object = JSON.parse(json) as Data;
        const text = texts.get(asked);
        expect(own(object, asked)).toEqual(text === undefined ? undefined : JSON.parse(text));
      }),
    );
  });

  it.each(INHERITED)('is none where it is only inherited: %s', (name) => {
    expect(own({}, name)).toBeUndefined();
    expect(own(JSON.parse(`{"${name}":{"a":1}}`) as Data, name)).toEqual({ a: 1 });
  });
});
