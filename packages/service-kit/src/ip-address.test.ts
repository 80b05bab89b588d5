import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { networkOf, toPlainAddress } from './ip-address.js';

describe('an address', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    [' 192.0.2.1 ', '192.0.2.1'],
    ['192.0.2.1:5000', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:192.0.2.1', '192.0.2.1'],
    ['2001:DB8::1', '2001:db8::1'],
    ['[2001:db8::1]:443', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['', null],
    ['unknown', null],
    ['::ffff:999.0.0.1', null],
    ['192.0.2.1, 192.0.2.2', null],
    ["127.0.0.1'; DROP TABLE users", null],
  ])('%j is %j', (text, plain) => {
    expect(toPlainAddress(text)).toBe(plain);
  });

  it('is of one network with all that share its first 64 bits in IPv6, and with itself in IPv4', () => {
    expect(networkOf('2001:db8::1')).toBe('2001:db8:0:0::/64');
    expect(networkOf('2001:db8:0:0:ffff::')).toBe('2001:db8:0:0::/64');
    expect(networkOf('2001:db8:0:1::1')).toBe('2001:db8:0:1::/64');
    expect(networkOf('::1')).toBe('0:0:0:0::/64');
    expect(networkOf('64:ff9b::192.0.2.1')).toBe('64:ff9b:0:0::/64');
    expect(networkOf('::ffff:192.0.2.1')).toBe('192.0.2.1');
    expect(networkOf('192.0.2.1')).not.toBe(networkOf('192.0.2.2'));
  });

  it('never fails, whatever it is, and is its own network when it has been written plainly', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), fc.string()), (text) => {
        const plain = toPlainAddress(text);
        expect(networkOf(text)).toBe(plain === null ? text : networkOf(plain));
      }),
    );
  });
});
