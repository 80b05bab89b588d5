import { describe, expect, it } from '@jest/globals';
import { escapeLike, parseDescription, parseLabels, parseSearch, parseTitle, parseUserId } from './task-input.js';

const BAD = expect.objectContaining({ code: 'BAD_USER_INPUT' }) as never;

describe('task input', () => {
  it('trims titles and refuses blank, long and multi-line ones', () => {
    expect(parseTitle('  Ship it ')).toBe('Ship it');
    for (const title of [
      '',
      '  ',
      '\u200b\u200e',
      'x'.repeat(201),
      'a\nb',
      'a\u0000b',
      'a\u2028b',
      'invoice\u202efdp.exe',
    ])
      expect(() => parseTitle(title)).toThrow(BAD);
  });

  it('counts characters, and not the units that they are made of', () => {
    expect(parseTitle('😀'.repeat(200))).toBe('😀'.repeat(200));
    expect(parseDescription('😀'.repeat(10_000))).toHaveLength(20_000);
    expect(parseLabels(['😀'.repeat(50)])).toEqual(['😀'.repeat(50)]);
    expect(parseSearch('😀'.repeat(200))).toHaveLength(400);
    expect(() => parseTitle('😀'.repeat(201))).toThrow(BAD);
    expect(() => parseDescription('😀'.repeat(10_001))).toThrow(BAD);
    expect(() => parseLabels(['😀'.repeat(51)])).toThrow(BAD);
    expect(() => parseSearch('😀'.repeat(201))).toThrow(BAD);
  });

  it('lets a title stand apart in a line by isolates', () => {
    expect(parseTitle('for \u2068שלום\u2069')).toBe('for \u2068שלום\u2069');
  });

  it('takes a blank description for none', () => {
    expect(parseDescription(' \n ')).toBeNull();
    expect(parseDescription('\u200b\n\u2066')).toBeNull();
    expect(parseDescription('two\nlines')).toBe('two\nlines');
    expect(() => parseDescription('x'.repeat(10_001))).toThrow(BAD);
  });

  it('drops repeated labels and refuses too many or malformed ones', () => {
    expect(parseLabels(['home', ' home ', 'work'])).toEqual(['home', 'work']);
    expect(() => parseLabels(Array.from({ length: 21 }, (_, index) => `l${index}`))).toThrow(BAD);
    for (const label of ['', '\u200d', 'x'.repeat(51), 'a\tb', 'a\u202eb'])
      expect(() => parseLabels([label])).toThrow(BAD);
  });

  it('gives texts the form in which they are looked for', () => {
    expect(parseTitle('Zoe\u0308')).toBe('Zo\u00eb');
    expect(parseDescription(' Zoe\u0308\n')).toBe(' Zo\u00eb\n');
    expect(parseLabels(['Zoe\u0308', 'Zo\u00eb'])).toEqual(['Zo\u00eb']);
    expect(parseSearch('Zoe\u0308')).toBe('Zo\u00eb');
  });

  it('refuses ids that are none', () => {
    expect(() => parseUserId('1', 'assigneeId')).toThrow(BAD);
  });

  it('reads a blank search as none and takes wildcards literally', () => {
    expect(parseSearch('  ')).toBeNull();
    expect(escapeLike('100%_\\')).toBe('100\\%\\_\\\\');
  });
});
