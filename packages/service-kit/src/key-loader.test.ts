import { describe, expect, it } from '@jest/globals';
import { KeyLoader } from './key-loader.js';

function counting(answer: (key: string) => string | Error) {
  const batches: string[][] = [];
  const loader = new KeyLoader<string>(async (keys) => {
    batches.push([...keys]);
    return keys.map(answer);
  });
  return { loader, batches };
}

describe('a loader by key', () => {
  it('reads what is asked for at one moment in one batch', async () => {
    const { loader, batches } = counting((key) => `value of ${key}`);
    expect(await Promise.all([loader.load('a'), loader.load('b'), loader.load('a')])).toEqual([
      'value of a',
      'value of b',
      'value of a',
    ]);
    expect(batches).toEqual([['a', 'b']]);
  });

  it('has at once what was loaded ahead, each key once', async () => {
    const { loader, batches } = counting((key) => `value of ${key}`);
    await loader.loadAhead(['a', 'b', 'a']);
    await loader.loadAhead(['b']);
    expect(loader.load('a')).toBe('value of a');
    expect(loader.load('b')).toBe('value of b');
    expect(await loader.load('c')).toBe('value of c');
    expect(batches).toEqual([['a', 'b'], ['c']]);
  });

  it('leaves what is wrong to whoever asks for it', async () => {
    const { loader } = counting((key) => (key === 'b' ? new Error('b is wrong') : key));
    await loader.loadAhead(['a', 'b']);
    expect(loader.load('a')).toBe('a');
    expect(() => loader.load('b')).toThrow('b is wrong');
    const failing = new KeyLoader<string>(() => Promise.reject(new Error('the database is away')));
    await failing.loadAhead(['a']);
    expect(() => failing.load('a')).toThrow('the database is away');
  });

  it('reads anew what is cleared', async () => {
    let version = 1;
    const { loader } = counting(() => `version ${version}`);
    await loader.loadAhead(['a']);
    version = 2;
    expect(loader.load('a')).toBe('version 1');
    loader.clear('a');
    expect(await loader.load('a')).toBe('version 2');
  });
});
