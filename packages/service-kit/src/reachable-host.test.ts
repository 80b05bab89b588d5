import type { NetworkInterfaceInfo } from 'node:os';
import { describe, expect, it } from '@jest/globals';
import { loopbackOf, reachableHost } from './reachable-host.js';

const address = (text: string, family: 'IPv4' | 'IPv6', internal = false) =>
  ({ address: text, family, internal }) as NetworkInterfaceInfo;
const LOOPBACK = { lo: [address('127.0.0.1', 'IPv4', true), address('::1', 'IPv6', true)] };

describe('the host for others', () => {
  it.each([
    ['127.0.0.1', LOOPBACK, '127.0.0.1'],
    ['media.example', LOOPBACK, 'media.example'],
    ['::1', LOOPBACK, '[::1]'],
    ['0.0.0.0', { ...LOOPBACK, eth0: [address('fe80::1', 'IPv6'), address('192.0.2.7', 'IPv4')] }, '192.0.2.7'],
    ['::', { ...LOOPBACK, eth0: [address('2001:db8::7', 'IPv6')] }, '[2001:db8::7]'],
    ['0.0.0.0', { ...LOOPBACK, eth0: [address('fe80::1', 'IPv6')] }, '127.0.0.1'],
    ['::', LOOPBACK, '[::1]'],
  ])('of who listens on %s', (host, interfaces, expected) => {
    expect(reachableHost(host, interfaces)).toBe(expected);
  });

  it('is another one on the same machine', () => {
    expect(['0.0.0.0', '::', '192.0.2.7', '2001:db8::7'].map(loopbackOf)).toEqual([
      '127.0.0.1',
      '[::1]',
      '192.0.2.7',
      '[2001:db8::7]',
    ]);
  });
});
