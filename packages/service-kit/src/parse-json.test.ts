import { describe, expect, it } from '@jest/globals';
import { parseJson, UnreadableJson } from './parse-json.js';

const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);
const nestedMaps = (levels: number) => '{"a":'.repeat(levels) + '1' + '}'.repeat(levels);

describe('JSON of somebody else', () => {
  it.each([nested, nestedMaps])('is read up to its greatest depth', (text) => {
    expect(parseJson(text(10), 10)).toEqual(JSON.parse(text(10)));
    expect(() => parseJson(`[1,"${'x'.repeat(20)}",${text(10)}]`, 10)).toThrow(UnreadableJson);
    expect(() => parseJson(text(11), 10)).toThrow(UnreadableJson);
    expect(() => parseJson(text(200_000))).toThrow(UnreadableJson);
  });

  it('is told from what is none', () => {
    for (const text of ['', '{', 'undefined', '{"a":1}x']) expect(() => parseJson(text)).toThrow(UnreadableJson);
  });
});
