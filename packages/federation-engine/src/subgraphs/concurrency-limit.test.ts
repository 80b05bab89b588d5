import { describe, expect, it } from '@jest/globals';
import { createConcurrencyLimit, Overloaded, type WorkKind } from './concurrency-limit.js';

function setUp(maxActive: number, maxWaiting: number, maxActivePerOwner?: number) {
  const limit = createConcurrencyLimit({
    maxActive,
    maxWaiting,
    ...(maxActivePerOwner !== undefined && { maxActivePerOwner }),
  });
  const started: string[] = [];
  const finish = new Map<string, () => void>();
  const ask = (name: string, kind: WorkKind = 'query', signal = new AbortController().signal, owner = '') =>
    limit
      .run(
        kind,
        signal,
        () => {
          started.push(name);
          return new Promise<string>((resolve) => finish.set(name, () => resolve(name)));
        },
        owner,
      )
      .catch((error: unknown) => (error instanceof Overloaded ? 'shed' : (error as Error).message));
  const end = async (name: string) => {
    finish.get(name)?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { limit, started, ask, end };
}

describe('a concurrency limit', () => {
  it('lets in as many as there is room for, others in their order', async () => {
    const { limit, started, ask, end } = setUp(2, 10);
    const all = ['a', 'b', 'c', 'd'].map((name) => ask(name));
    expect([started, limit.active(), limit.waiting()]).toEqual([['a', 'b'], 2, 2]);
    await end('a');
    expect(started).toEqual(['a', 'b', 'c']);
    for (const name of ['b', 'c', 'd']) await end(name);
    expect(await Promise.all(all)).toEqual(['a', 'b', 'c', 'd']);
    expect([limit.active(), limit.waiting()]).toEqual([0, 0]);
  });

  it('gives no owner more than a share, and nobody has to wait for who waits for his own', async () => {
    const { limit, started, ask, end } = setUp(3, 10, 2);
    const signal = new AbortController().signal;
    const all = ['a1', 'a2', 'a3', 'a4'].map((name) => ask(name, 'query', signal, 'a'));
    expect([started, limit.waiting()]).toEqual([['a1', 'a2'], 2]);
    all.push(...['b1', 'b2'].map((name) => ask(name, 'query', signal, 'b')));
    expect(started).toEqual(['a1', 'a2', 'b1']);
    await end('b1');
    expect(started).toEqual(['a1', 'a2', 'b1', 'b2']);
    await end('b2');
    // There is room, and not for these.
    expect([started.length, limit.active()]).toEqual([4, 2]);
    await end('a1');
    await end('a2');
    expect(started.slice(4)).toEqual(['a3', 'a4']);
    await end('a3');
    await end('a4');
    expect(await Promise.all(all)).toEqual(['a1', 'a2', 'a3', 'a4', 'b1', 'b2']);
    expect([limit.active(), limit.waiting()]).toEqual([0, 0]);
  });

  it('sheds queries before mutations, and lets mutations in first', async () => {
    const { started, ask, end } = setUp(1, 2);
    const first = ask('running');
    const early = ask('early query');
    const late = ask('late query');
    expect(await ask('one too many')).toBe('shed');
    const write = ask('write', 'mutation');
    expect(await late).toBe('shed');
    await end('running');
    expect(started).toEqual(['running', 'write']);
    await end('write');
    await end('early query');
    expect(await Promise.all([first, write, early])).toEqual(['running', 'write', 'early query']);
  });

  it.each(['query', 'mutation'] as const)('lets owners take turns: %s', async (kind) => {
    const { started, ask, end } = setUp(1, 10);
    const askFor = (name: string, owner: string) => ask(name, kind, new AbortController().signal, owner);
    const all = [askFor('running', 'a')];
    for (const name of ['a1', 'a2', 'a3', 'a4']) all.push(askFor(name, 'a'));
    for (const name of ['b1', 'b2']) all.push(askFor(name, 'b'));
    all.push(askFor('c1', 'c'));
    for (let turn = 0; turn < 8; turn += 1) await end(started[turn] as string);
    await Promise.all(all);
    expect(started).toEqual(['running', 'a1', 'b1', 'c1', 'a2', 'b2', 'a3', 'a4']);
  });

  it.each(['query', 'mutation'] as const)('lets nobody take all places to wait: %s', async (kind) => {
    const { limit, ask, started, end } = setUp(1, 4);
    const askFor = (name: string, owner: string) => ask(name, kind, new AbortController().signal, owner);
    const first = askFor('running', 'a');
    const [a1, a2, a3, a4] = ['a1', 'a2', 'a3', 'a4'].map((name) => askFor(name, 'a'));
    expect(await askFor('a5', 'a')).toBe('shed');
    const [b1, b2] = [askFor('b1', 'b'), askFor('b2', 'b')];
    expect(await Promise.all([a4, a3])).toEqual(['shed', 'shed']);
    // Each has two of four now.
    expect(await askFor('b3', 'b')).toBe('shed');
    const c1 = askFor('c1', 'c');
    expect(await a2).toBe('shed');
    expect(limit.waiting()).toBe(4);
    for (let turn = 0; turn < 5; turn += 1) await end(started[turn] as string);
    expect(await Promise.all([first, a1, b1, c1, b2])).toEqual(['running', 'a1', 'b1', 'c1', 'b2']);
    expect([limit.active(), limit.waiting()]).toEqual([0, 0]);
  });

  it('sheds mutations when nothing else waits', async () => {
    const { ask, end } = setUp(1, 1);
    const [first, second] = [ask('one', 'mutation'), ask('two', 'mutation')];
    expect(await ask('three', 'mutation')).toBe('shed');
    await end('one');
    await end('two');
    await Promise.all([first, second]);
  });

  it('forgets who gives up while waiting, and frees the place of work that fails', async () => {
    const { limit, ask, end } = setUp(1, 5);
    const first = ask('one');
    const gone = new AbortController();
    const second = ask('two', 'query', gone.signal);
    gone.abort(new Error('gone'));
    expect(await second).toBe('gone');
    expect(limit.waiting()).toBe(0);
    await end('one');
    await first;
    await expect(
      limit.run('query', new AbortController().signal, () => Promise.reject(new Error('no'))),
    ).rejects.toThrow('no');
    expect(limit.active()).toBe(0);
  });
});
