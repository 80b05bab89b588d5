import { describe, expect, it } from '@jest/globals';
import { createSignedUrls } from './signed-urls.js';

const SMALL = { variant: 'SMALL', format: null } as const;
const ORIGINAL = { variant: 'original', format: null } as const;
const ID = '01890000-0000-7000-8000-000000000001';
const ITEM = { id: ID, revision: 0 };

function urlsAt(
  state: { now: number },
  secret = 'a secret of at least thirty-two characters',
  previousSecret?: string,
) {
  return createSignedUrls({
    secret,
    previousSecret,
    lifetimeSeconds: 3600,
    publicUrl: () => 'http://files.example',
    now: () => state.now,
  });
}

function queryOf(url: string) {
  return Object.fromEntries(new URL(url).searchParams);
}

describe('createSignedUrls', () => {
  it('makes URLs that it takes for its own', () => {
    const urls = urlsAt({ now: 1_700_000_000_000 });
    const url = urls.sign(ITEM, 'SMALL');
    expect(new URL(url).pathname).toBe(`/files/${ID}/small`);
    expect(urls.verify(ID, SMALL, queryOf(url))).toBe('valid');
  });

  it('gives one file one URL for a while, so that browsers can keep it', () => {
    const state = { now: 1_700_000_000_000 };
    const urls = urlsAt(state);
    const first = urls.sign(ITEM, 'SMALL');
    state.now += 60_000;
    expect(urls.sign(ITEM, 'SMALL')).toBe(first);
  });

  it('makes as many URLs as it is asked for, each its own', () => {
    const urls = urlsAt({ now: 1_700_000_000_000 });
    const first = urls.sign(ITEM, 'SMALL');
    const made = new Set<string>();
    for (let index = 0; index < 25_000; index += 1) made.add(urls.sign({ id: `${ID}-${index}`, revision: 0 }, 'SMALL'));
    expect(made.size).toBe(25_000);
    expect(urls.sign(ITEM, 'original')).not.toBe(first);
    expect(urls.sign(ITEM, 'SMALL')).toBe(first);
  });

  it('lets a URL live for the lifetime at least, and not for ever', () => {
    const state = { now: 1_700_000_000_000 };
    const urls = urlsAt(state);
    const query = queryOf(urls.sign(ITEM, 'SMALL'));
    state.now += 3_600_000;
    expect(urls.verify(ID, SMALL, query)).toBe('valid');
    state.now += 3_600_000;
    expect(urls.verify(ID, SMALL, query)).toBe('expired');
  });

  it('refuses another item, variant, time, secret and garbage', () => {
    const urls = urlsAt({ now: 1_700_000_000_000 });
    const query = queryOf(urls.sign(ITEM, 'SMALL'));
    expect(urls.verify(ID.replace('1', '2'), SMALL, query)).toBe('forged');
    expect(urls.verify(ID, ORIGINAL, query)).toBe('forged');
    expect(urls.verify(ID, SMALL, { ...query, expires: String(Number(query['expires']) + 1) })).toBe('forged');
    expect(urlsAt({ now: 1_700_000_000_000 }, 'another secret of thirty-two characters').verify(ID, SMALL, query)).toBe(
      'forged',
    );
    for (const signature of ['', 'x', `${query['signature']}0`, ['a'], undefined]) {
      expect(urls.verify(ID, SMALL, { ...query, signature })).toBe('forged');
    }
  });

  it('names the key, and takes no signature of another for it', () => {
    const state = { now: 1_700_000_000_000 };
    const [old, next] = ['an old secret of thirty-two characters', 'the next secret of thirty-two characters'];
    const [before, after] = [urlsAt(state, old), urlsAt(state, next, old)];
    const query = queryOf(before.sign(ITEM, 'SMALL'));
    expect(query['key']).not.toBe(queryOf(after.sign(ITEM, 'SMALL'))['key']);
    expect(after.verify(ID, SMALL, { ...query, key: queryOf(after.sign(ITEM, 'SMALL'))['key'] })).toBe('forged');
    expect(after.verify(ID, SMALL, { ...query, key: 'x' })).toBe('forged');
    // As they were before keys were named.
    expect(after.verify(ID, SMALL, { expires: query['expires'], signature: query['signature'] })).toBe('valid');
  });

  it('signs each format for itself', () => {
    const urls = urlsAt({ now: 1_700_000_000_000 });
    const url = urls.sign(ITEM, 'SMALL', 'avif');
    expect(new URL(url).pathname).toBe(`/files/${ID}/small.avif`);
    expect(urls.verify(ID, { variant: 'SMALL', format: 'avif' }, queryOf(url))).toBe('valid');
    expect(urls.verify(ID, SMALL, queryOf(url))).toBe('forged');
  });

  it('gives a file in the place of another a URL of its own, good for no other revision', () => {
    const urls = urlsAt({ now: 1_700_000_000_000 });
    const made = [0, 1, 12].map((revision) => urls.sign({ id: ID, revision }, 'SMALL'));
    expect(new Set(made).size).toBe(3);
    expect(made.map((url) => new URL(url).searchParams.get('revision'))).toEqual([null, '1', '12']);
    expect(made.map((url) => urls.verify(ID, SMALL, queryOf(url)))).toEqual(['valid', 'valid', 'valid']);
    const [first, second] = made.map(queryOf);
    for (const revision of ['1', '2', '-1', '1e1', '', ['1'], {}])
      expect(urls.verify(ID, SMALL, { ...first, revision })).toBe('forged');
    for (const revision of ['0', '2', undefined])
      expect(urls.verify(ID, SMALL, { ...second, revision })).toBe('forged');
  });

  it('takes URLs of the secret before for its own while that is set, and signs none with it', () => {
    const state = { now: 1_700_000_000_000 };
    const [old, next] = ['an old secret of thirty-two characters', 'the next secret of thirty-two characters'];
    const url = urlsAt(state, old).sign(ITEM, 'SMALL');
    expect(urlsAt(state, next, old).verify(ID, SMALL, queryOf(url))).toBe('valid');
    expect(urlsAt(state, next).verify(ID, SMALL, queryOf(url))).toBe('forged');
    expect(urlsAt(state, old).verify(ID, SMALL, queryOf(urlsAt(state, next, old).sign(ITEM, 'SMALL')))).toBe('forged');
  });
});
