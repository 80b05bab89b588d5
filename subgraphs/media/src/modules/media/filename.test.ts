import { describe, expect, it } from '@jest/globals';
import { sanitizeFilename } from './filename.js';

describe('sanitizeFilename', () => {
  it.each([
    ['photo.jpg', 'photo.jpg'],
    ['../../etc/passwd', 'passwd'],
    ['C:\\Users\\me\\cat.png', 'cat.png'],
    ['a\u0000b\n.png', 'ab.png'],
    ['gnp.\u202egpj.png', 'gnp.gpj.png'],
    ['..', 'unnamed'],
    ['', 'unnamed'],
    ['\u200b\u3164', 'unnamed'],
    [`${'x'.repeat(249)}😀.jpeg`, `${'x'.repeat(249)}.jpeg`],
    [`${'x'.repeat(300)}.jpeg`, `${'x'.repeat(250)}.jpeg`],
  ])('makes of %j %j', (given, expected) => {
    expect(sanitizeFilename(given)).toBe(expected);
  });
});
