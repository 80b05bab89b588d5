import { describe, expect, it } from '@jest/globals';
import { evaluate, readPreconditions } from './preconditions.js';

describe('preconditions', () => {
  const read = (ifMatch?: string, ifNoneMatch?: string) =>
    readPreconditions({
      ...(ifMatch !== undefined && { 'if-match': ifMatch }),
      ...(ifNoneMatch !== undefined && { 'if-none-match': ifNoneMatch }),
    });
  const outcome = (ifMatch?: string, ifNoneMatch?: string, isSafe = true, etag: string | null = '"7"') => {
    const preconditions = read(ifMatch, ifNoneMatch);
    return preconditions && evaluate(preconditions, { etag, lastModified: null }, isSafe);
  };

  it('compare strongly and weakly, as RFC 9110 has it', () => {
    expect([outcome('"7"'), outcome('"6", "7"'), outcome('*'), outcome('W/"7"'), outcome('"6"')]).toEqual([
      'go',
      'go',
      'go',
      412,
      412,
    ]);
    expect([outcome(undefined, 'W/"7"'), outcome(undefined, '"6"'), outcome(undefined, '*', false)]).toEqual([
      304,
      'go',
      412,
    ]);
  });

  it('name no state of what has no tag', () => {
    const untagged = (ifMatch?: string, ifNoneMatch?: string) => outcome(ifMatch, ifNoneMatch, true, null);
    expect([untagged('"7"'), untagged('*'), untagged(undefined, '"7"')]).toEqual([412, 'go', 'go']);
  });

  it('are refused where they are no tags', () => {
    for (const text of ['7', '"7', '"7" "8"', '', ' , ', 'w/"7"', '*, "7"', ', *', '"7", 8'])
      expect(read(text)).toBeNull();
  });

  it('may have empty elements', () => {
    for (const text of ['"6", , "7"', ',"7"', '"7" ,', ' ,, "7",\t'])
      expect([text, outcome(undefined, text), outcome(text)]).toEqual([text, 304, 'go']);
  });

  it('have dates in three forms', () => {
    const since = (date: string) => readPreconditions({ 'if-modified-since': date })?.ifModifiedSince;
    const at = Date.UTC(1994, 10, 6, 8, 49, 37);
    for (const date of [
      'Sun, 06 Nov 1994 08:49:37 GMT',
      'Sunday, 06-Nov-94 08:49:37 GMT',
      'Sun Nov  6 08:49:37 1994',
      'Sun Nov 06 08:49:37 1994',
    ])
      expect([date, since(date)]).toEqual([date, at]);
    const digits = (year: number) => String(year % 100).padStart(2, '0');
    const thisYear = new Date().getUTCFullYear();
    for (const year of [thisYear, thisYear + 50, thisYear - 49])
      expect(since(`Monday, 01-Jan-${digits(year)} 00:00:00 GMT`)).toBe(Date.UTC(year, 0));
    expect(since('Tue, 30 Jun 2015 23:59:60 GMT')).toBe(Date.UTC(2015, 6));
    for (const none of [
      'Sun, 31 Feb 1994 08:49:37 GMT',
      'Sun, 06 Nov 1994 24:00:00 GMT',
      'Sun, 00 Nov 1994 08:00:00 GMT',
      'Sun Nov 6 08:49:37 1994',
      'Sun, 06 Nov 94 08:49:37 GMT',
    ])
      expect([none, since(none)]).toEqual([none, null]);
  });

  it('are not looked at where they are no dates', () => {
    const later = { etag: null, lastModified: new Date('2026-01-03T10:00:00Z') };
    const since = (date: string) => {
      const preconditions = readPreconditions({ 'if-unmodified-since': date });
      return preconditions && evaluate(preconditions, later, true);
    };
    expect(since('Sat, 03 Jan 2026 09:59:59 GMT')).toBe(412);
    expect(since('Sat, 03 Jan 2026 10:00:00 GMT')).toBe('go');
    for (const text of ['', '0', '2020-01-01', 'Sat, 99 Jan 2020 10:00:00 GMT']) expect(since(text)).toBe('go');
  });
});
