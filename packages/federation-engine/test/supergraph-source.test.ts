import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SILENT as log } from '../src/request/log.js';
import { createSupergraphSource } from '../src/supergraph/supergraph-source.js';

describe('the file of the supergraph', () => {
  let file = '';
  beforeEach(async () => {
    file = path.join(await mkdtemp(path.join(tmpdir(), 'taskgraph-source-')), 'supergraph.graphql');
    await writeFile(file, 'first');
  });
  afterEach(() => rm(path.dirname(file), { recursive: true, force: true }));

  it('may change while its first version is loaded', async () => {
    const source = createSupergraphSource({ path: file, pollMs: 20, log });
    const second = new Promise<string>((resolve, reject) => {
      const taken: string[] = [];
      source
        .start(async (text) => {
          taken.push(text);
          if (taken.length === 1) await writeFile(file, 'second');
          else resolve(text);
        })
        .catch(reject);
    });
    expect(await second).toBe('second');
    await source.close();
  });

  it.each(['', ' \n\t\n'])('is not taken while it is %j, as it is before its writer has written', async (nothing) => {
    const outcomes: string[] = [];
    let hear: () => void = () => undefined;
    const source = createSupergraphSource({
      path: file,
      pollMs: 20,
      log,
      onReload(outcome) {
        outcomes.push(outcome);
        hear();
      },
    });
    const taken: string[] = [];
    await source.start(async (text) => {
      taken.push(text);
    });
    const refused = new Promise<void>((resolve) => (hear = resolve));
    await writeFile(file, nothing);
    await refused;
    const loaded = new Promise<void>((resolve) => (hear = () => outcomes.at(-1) === 'loaded' && resolve()));
    await writeFile(file, 'second');
    await loaded;
    await source.close();
    expect(taken).toEqual(['first', 'second']);
  });

  it('says that it is empty at the start', async () => {
    await writeFile(file, '');
    const source = createSupergraphSource({ path: file, pollMs: 20, log });
    await expect(source.start(async () => undefined)).rejects.toThrow('cannot be read (it is empty)');
  });

  it('is closed when the version that was under way has ended, and not read any more', async () => {
    const source = createSupergraphSource({ path: file, pollMs: 20, log });
    const events: string[] = [];
    let end: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (end = resolve));
    let begin: () => void = () => undefined;
    const begun = new Promise<void>((resolve) => (begin = resolve));
    await source.start(async (text) => {
      events.push(text);
      if (text === 'first') return;
      begin();
      await held;
      events.push('ended');
    });
    await writeFile(file, 'second');
    await begun;
    const closed = source.close().then(() => events.push('closed'));
    await writeFile(file, 'third');
    end();
    await closed;
    expect(events).toEqual(['first', 'second', 'ended', 'closed']);
  });
});
