import { expect, it } from '@jest/globals';
import { outcomeOf, OUTCOMES } from './outcomes.js';

it('says each thing once, in small letters', () => {
  expect(new Set(OUTCOMES).size).toBe(OUTCOMES.length);
  for (const outcome of OUTCOMES) expect(outcome).toMatch(/^[a-z]+(_[a-z]+)*$/);
});

it('makes words of reasons and problems of the graph', () => {
  expect(outcomeOf('TOO_MANY_PIXELS')).toBe('too_many_pixels');
  expect(outcomeOf('UnsupportedMediaTypeProblem')).toBe('unsupported_media_type');
});
