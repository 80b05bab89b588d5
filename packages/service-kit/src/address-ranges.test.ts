import { describe, expect, it } from '@jest/globals';
import { isOneOf, parseAddressRanges } from './address-ranges.js';

describe('a range of addresses', () => {
  it.each(['', 'localhost', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/8/8', '10.0.0', '::1/129', 'toString', '*'])(
    'is not %j',
    (text) => expect(parseAddressRanges(text)).toBeNull(),
  );

  it('is an address, a network or a word for some', () => {
    expect(parseAddressRanges('192.0.2.7')).toEqual([{ address: '192.0.2.7', bits: 32 }]);
    expect(parseAddressRanges('2001:db8::/32')).toEqual([{ address: '2001:db8::', bits: 32 }]);
    expect(parseAddressRanges('private')).toHaveLength(4);
    expect(parseAddressRanges('none')).toEqual([]);
  });

  it('has the addresses in it and no others', () => {
    const isKnown = isOneOf(
      ['10.0.0.0/8', '2001:db8::/32', 'loopback'].flatMap((text) => parseAddressRanges(text) ?? []),
    );
    for (const address of ['10.0.0.1', '10.255.255.255', '2001:db8:ffff::1', '127.0.0.1', '::1'])
      expect(isKnown(address)).toBe(true);
    for (const address of ['11.0.0.1', '9.255.255.255', '2001:db9::1', '', 'unknown'])
      expect(isKnown(address)).toBe(false);
    expect(isOneOf([])('127.0.0.1')).toBe(false);
  });
});
