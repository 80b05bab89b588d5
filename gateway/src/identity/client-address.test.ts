import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseAddressRanges } from '@taskgraph/service-kit';
import { createClientAddress } from './client-address.js';

const HEADER = 'x-forwarded-for';
const ranges = (...texts: string[]) => texts.flatMap((text) => parseAddressRanges(text) ?? []);
const from = (remoteAddress: string | undefined, told?: string | string[]) =>
  ({ socket: { remoteAddress }, headers: told === undefined ? {} : { [HEADER]: told } }) as unknown as IncomingMessage;

describe('where a client is', () => {
  it('is where its connection comes from, whatever it says, when no proxy is known', () => {
    const addressOf = createClientAddress({ proxies: [], header: HEADER });
    expect(addressOf(from('::ffff:192.0.2.7', '198.51.100.1'))).toBe('192.0.2.7');
    expect(addressOf(from('192.0.2.7'))).toBe('192.0.2.7');
    expect(addressOf(from(undefined))).toBe('');
  });

  it('is what the nearest proxy says, and not what its client has said before', () => {
    const addressOf = createClientAddress({ proxies: ranges('10.0.0.0/8', '2001:db8:1::/48'), header: HEADER });
    expect(addressOf(from('10.1.2.3', '198.51.100.1, 192.0.2.7'))).toBe('192.0.2.7');
    expect(addressOf(from('::ffff:10.1.2.3', ['198.51.100.1', '192.0.2.7']))).toBe('192.0.2.7');
    expect(addressOf(from('10.1.2.3', '198.51.100.1, 192.0.2.7, 10.9.9.9,2001:DB8:1::9'))).toBe('192.0.2.7');
    expect(addressOf(from('2001:db8:1::1', '[2001:db8:2::7]:50000'))).toBe('2001:db8:2::7');
  });

  it('is not what somebody says who is no proxy', () => {
    const addressOf = createClientAddress({ proxies: ranges('10.0.0.0/8'), header: HEADER });
    expect(addressOf(from('192.0.2.7', '198.51.100.1'))).toBe('192.0.2.7');
    fc.assert(fc.property(fc.string(), (told) => expect(addressOf(from('192.0.2.7', told))).toBe('192.0.2.7')));
  });

  it('is the proxy itself where that does not say, or says what is no address', () => {
    const addressOf = createClientAddress({ proxies: ranges('10.0.0.0/8'), header: HEADER });
    for (const told of [undefined, '', 'unknown', '192.0.2.7, garbage', '10.0.0.5'])
      expect(addressOf(from('10.0.0.5', told))).toBe('10.0.0.5');
  });

  it('is always an address that somebody has vouched for', () => {
    const addressOf = createClientAddress({ proxies: ranges('loopback'), header: HEADER });
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.ipV4(), fc.ipV6(), fc.string())), fc.ipV4(), (claimed, real) => {
        fc.pre(!real.startsWith('127.'));
        expect(addressOf(from('127.0.0.1', [...claimed, real].join(', ')))).toBe(real);
      }),
    );
  });
});
