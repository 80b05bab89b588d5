import { describe, expect, it } from '@jest/globals';
import { disposition, selectFile } from './file-responses.js';

const ETAG = '"abc"';

describe('selectFile', () => {
  it.each([
    ['nothing asked', {}, { kind: 'whole' }],
    ['first bytes', { range: 'bytes=0-9' }, { kind: 'part', range: { start: 0, end: 9 } }],
    ['from the middle', { range: 'bytes=90-' }, { kind: 'part', range: { start: 90, end: 99 } }],
    ['the last bytes', { range: 'bytes=-5' }, { kind: 'part', range: { start: 95, end: 99 } }],
    ['past the end', { range: 'bytes=200-' }, { kind: 'unsatisfiable' }],
    ['another unit', { range: 'pages=1-2' }, { kind: 'whole' }],
    ['garbage', { range: 'bytes' }, { kind: 'whole' }],
    ['two ranges', { range: 'bytes=0-1,5-6' }, { kind: 'whole' }],
    ['a range of this version', { range: 'bytes=0-9', ifRange: ETAG }, { kind: 'part', range: { start: 0, end: 9 } }],
    ['a range of another version', { range: 'bytes=0-9', ifRange: '"old"' }, { kind: 'whole' }],
    ['this version is known', { ifNoneMatch: '"x", W/"abc"' }, { kind: 'not_modified' }],
    ['another version is known', { ifNoneMatch: '"x"' }, { kind: 'whole' }],
  ])('%s', (_what, headers, expected) => {
    expect(selectFile(headers, ETAG, 100)).toEqual(expected);
  });
});

describe('disposition', () => {
  it('cannot be broken out of by a file name', () => {
    expect(disposition('inline', 'a"; evil="1\r\n.jpg')).not.toMatch(/[\r\n]|evil="1/);
  });

  it('keeps names of all languages', () => {
    expect(disposition('inline', 'Käse (1).png')).toBe(
      `inline; filename="K_se (1).png"; filename*=UTF-8''K%C3%A4se%20%281%29.png`,
    );
  });
});
