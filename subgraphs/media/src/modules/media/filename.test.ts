import { describe, expect, it } from '@jest/globals';
import { readPartFilename, sanitizeFilename } from './filename.js';

describe('sanitizeFilename', () => {
  it.each([
    ['photo.jpg', 'photo.jpg'],
    ['../../etc/passwd', 'passwd'],
    ['C:\\Users\\me\\cat.png', 'cat.png'],
    ['a\u0000b\n.png', 'ab.png'],
    ['gnp.\u202egpj.png', 'gnp.gpj.png'],
    ['a\u2028b\u2029c.txt', 'abc.txt'],
    ['می\u200cخواهم.txt', 'می\u200cخواهم.txt'],
    ['👨\u200d👩\u200d👧 🏳\ufe0f\u200d🌈.png', '👨\u200d👩\u200d👧 🏳\ufe0f\u200d🌈.png'],
    ['\u200ca\u200d\u200d \u200d\u202eb\u200c.txt\u200d', 'a b\u200c.txt'],
    [`${'x'.repeat(249)}👨\u200d👩\u200d👧.png`, `${'x'.repeat(249)}👨.png`],
    [`${'😀'.repeat(255)}`, '😀'.repeat(255)],
    [`${'😀'.repeat(252)}.jpeg`, `${'😀'.repeat(250)}.jpeg`],
    ['..', 'unnamed'],
    ['', 'unnamed'],
    ['\u200b\u3164', 'unnamed'],
    [`${'x'.repeat(249)}😀😀.jpeg`, `${'x'.repeat(249)}😀.jpeg`],
    [`${'x'.repeat(300)}.jpeg`, `${'x'.repeat(250)}.jpeg`],
  ])('makes of %j %j', (given, expected) => {
    expect(sanitizeFilename(given)).toBe(expected);
  });
});

describe('readPartFilename', () => {
  it.each([
    ['a%22b%0D%0A.txt', 'a"b\r\n.txt'],
    ['100%.txt', '100%.txt'],
    ['a%2522%0d%41.txt', 'a%2522%0d%41.txt'],
  ])('makes of %j %j', (given, expected) => {
    expect(readPartFilename(given)).toBe(expected);
  });
});
