import { describe, expect, it } from '@jest/globals';
import { readPreconditions } from '@taskgraph/service-kit';
import { disposition, selectFile } from './file-responses.js';

const ETAG = '"abc"';
const CHANGED = 'Sat, 03 Jan 2026 10:00:00 GMT';
const FILE = { etag: ETAG, lastModified: new Date('2026-01-03T10:00:00.789Z'), byteSize: 100 };
const FIRST = { kind: 'part', range: { start: 0, end: 9 } };

describe('selectFile', () => {
  it.each<[string, Record<string, string>, object]>([
    ['nothing asked', {}, { kind: 'whole' }],
    ['first bytes', { range: 'bytes=0-9' }, FIRST],
    ['from the middle', { range: 'bytes=90-' }, { kind: 'part', range: { start: 90, end: 99 } }],
    ['the last bytes', { range: 'bytes=-5' }, { kind: 'part', range: { start: 95, end: 99 } }],
    ['more last bytes than there are', { range: 'bytes=-500' }, { kind: 'part', range: { start: 0, end: 99 } }],
    ['far more last bytes', { range: `bytes=-${'9'.repeat(400)}` }, { kind: 'part', range: { start: 0, end: 99 } }],
    ['no last bytes', { range: 'bytes=-0' }, { kind: 'unsatisfiable' }],
    ['past the end', { range: 'bytes=200-' }, { kind: 'unsatisfiable' }],
    ['another unit', { range: 'pages=1-2' }, { kind: 'whole' }],
    ['garbage', { range: 'bytes' }, { kind: 'whole' }],
    ['two ranges', { range: 'bytes=0-1,5-6' }, { kind: 'whole' }],
    ['a range of this version', { range: 'bytes=0-9', 'if-range': ETAG }, FIRST],
    ['a range of another version', { range: 'bytes=0-9', 'if-range': '"old"' }, { kind: 'whole' }],
    ['a range of this version, weakly', { range: 'bytes=0-9', 'if-range': `W/${ETAG}` }, { kind: 'whole' }],
    ['a range of a time', { range: 'bytes=0-9', 'if-range': CHANGED }, { kind: 'whole' }],
    ['this version is known', { 'if-none-match': '"x", W/"abc"' }, { kind: 'not_modified' }],
    ['another version is known', { 'if-none-match': '"x"' }, { kind: 'whole' }],
    ['any version is known', { 'if-none-match': '*' }, { kind: 'not_modified' }],
    ['its time is known', { 'if-modified-since': CHANGED }, { kind: 'not_modified' }],
    ['an earlier time is known', { 'if-modified-since': 'Sat, 03 Jan 2026 09:59:59 GMT' }, { kind: 'whole' }],
    [
      'its time is known, and another version',
      { 'if-modified-since': CHANGED, 'if-none-match': '"x"' },
      { kind: 'whole' },
    ],
    ['meant for this version', { 'if-match': `"x", ${ETAG}`, range: 'bytes=0-9' }, FIRST],
    ['meant for any version', { 'if-match': '*' }, { kind: 'whole' }],
    ['meant for another version', { 'if-match': '"x"', range: 'bytes=0-9' }, { kind: 'failed_precondition' }],
    ['meant for this version, weakly', { 'if-match': `W/${ETAG}` }, { kind: 'failed_precondition' }],
    [
      'meant for another version, and knows this',
      { 'if-match': '"x"', 'if-none-match': ETAG },
      { kind: 'failed_precondition' },
    ],
    ['meant for its time', { 'if-unmodified-since': CHANGED }, { kind: 'whole' }],
    [
      'meant for an earlier time',
      { 'if-unmodified-since': 'Sat, 03 Jan 2026 09:59:59 GMT' },
      { kind: 'failed_precondition' },
    ],
    [
      'meant for this version of an earlier time',
      { 'if-match': ETAG, 'if-unmodified-since': 'Sat, 03 Jan 2026 09:59:59 GMT' },
      { kind: 'whole' },
    ],
    ['meant for no time', { 'if-unmodified-since': 'yesterday' }, { kind: 'whole' }],
  ])('%s', (_what, headers, expected) => {
    const preconditions = readPreconditions(headers);
    if (!preconditions) throw new Error('these are preconditions');
    expect(selectFile({ preconditions, ifRange: headers['if-range'], range: headers['range'] }, FILE)).toEqual(
      expected,
    );
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
