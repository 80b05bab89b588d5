import { describe, expect, it } from '@jest/globals';
import { createAllowedHosts } from './allowed-hosts.js';

const OWN = [
  'localhost',
  'localhost:3000',
  'LOCALHOST',
  'localhost.',
  'app.localhost:1',
  '127.0.0.1:3000',
  '[::1]:3000',
  '10.1.2.3',
];
const FOREIGN = [
  'example.com',
  'evil.test:3000',
  'localhost.evil.test',
  'notlocalhost',
  '127.0.0.1.evil.test',
  '',
  'a b',
  '[x',
];

describe('names that a server is asked by', () => {
  it.each(['127.0.0.1', '::1', 'localhost'])('are its own where it listens on %s', (host) => {
    const allows = createAllowedHosts({ host, allowed: undefined });
    for (const name of OWN) expect([name, allows(name)]).toEqual([name, true]);
    for (const name of FOREIGN) expect([name, allows(name)]).toEqual([name, false]);
    // As HTTP/1.0 may ask.
    expect(allows(undefined)).toBe(true);
  });

  it('are not looked at elsewhere, unless some are listed', () => {
    expect(FOREIGN.every(createAllowedHosts({ host: '0.0.0.0', allowed: undefined }))).toBe(true);
    expect(FOREIGN.some((name) => createAllowedHosts({ host: '0.0.0.0', allowed: ['api.example.com'] })(name))).toBe(
      false,
    );
  });

  it('are those that are listed too', () => {
    const allows = createAllowedHosts({ host: '127.0.0.1', allowed: ['API.example.com', '.dev.test'] });
    for (const name of ['api.example.com', 'Api.Example.com:8080', 'dev.test', 'a.b.dev.test', 'localhost'])
      expect([name, allows(name)]).toEqual([name, true]);
    for (const name of ['example.com', 'x.api.example.com', 'evildev.test'])
      expect([name, allows(name)]).toEqual([name, false]);
    expect(FOREIGN.every(createAllowedHosts({ host: '127.0.0.1', allowed: ['*'] }))).toBe(true);
  });
});
