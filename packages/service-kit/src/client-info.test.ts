import { createHmac } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createClientInfoSigner, createClientInfoVerifier, readClientInfo, type ClientInfo } from './client-info.js';

const SECRET = 'a secret that gateway and subgraphs share';
const OTHER = 'another secret of at least thirty-two characters';
const ADA: ClientInfo = { ipAddress: '192.0.2.7', userAgent: 'Firefox/128.0', clientName: 'taskgraph-web' };
const NOW = 1_800_000_000_000;

const sign = createClientInfoSigner(SECRET, () => NOW);
const verify = createClientInfoVerifier([SECRET], () => NOW);

describe('what a gateway says of a client', () => {
  it('arrives as it was signed, whatever the client calls itself', () => {
    const text = fc.option(fc.string({ minLength: 1, maxLength: 100, unit: 'binary' }));
    fc.assert(
      fc.property(text, text, fc.option(fc.ipV6()), (userAgent, clientName, ipAddress) => {
        const info = { ipAddress, userAgent, clientName };
        const header = sign(info, 'request-1');
        expect(header).toMatch(/^[\w.-]+$/);
        // Half of a surrogate pair, which no header can hold, does not survive UTF-8.
        if (!/\p{Surrogate}/u.test(`${userAgent}\n${clientName}`))
          expect(verify(header, 'request-1')).toEqual({ kind: 'accepted', info });
      }),
    );
  });

  it('is believed under the secret before, while that is replaced', () => {
    const header = sign(ADA, 'request-1');
    const rotating = createClientInfoVerifier([OTHER, SECRET], () => NOW);
    expect(rotating(header, 'request-1')).toEqual({ kind: 'accepted', info: ADA });
    expect(createClientInfoVerifier([OTHER], () => NOW)(header, 'request-1')).toEqual({
      kind: 'refused',
      problem: 'forged',
    });
  });

  it('says nothing else when a single character of it is another', () => {
    const header = sign(ADA, 'request-1');
    fc.assert(
      fc.property(fc.nat(header.length - 1), fc.constantFrom(...'aA0_-.~'), (at, character) => {
        const changed = `${header.slice(0, at)}${character}${header.slice(at + 1)}`;
        const outcome = verify(changed, 'request-1');
        // The last character of a signature has bits that say nothing, and what is no base64 in it is not read.
        if (changed.split('.')[1] === header.split('.')[1] && outcome.kind === 'accepted')
          expect(outcome.info).toEqual(ADA);
        else expect(outcome.kind).toBe('refused');
      }),
    );
  });

  it('is for one request, and for some minutes', () => {
    const header = sign(ADA, 'request-1');
    expect(verify(header, 'request-2')).toEqual({ kind: 'refused', problem: 'other_request' });
    for (const [laterMs, kind] of [
      [-300_000, 'accepted'],
      [300_000, 'accepted'],
      [-300_001, 'refused'],
      [300_001, 'refused'],
    ] as const)
      expect(createClientInfoVerifier([SECRET], () => NOW + laterMs)(header, 'request-1').kind).toBe(kind);
  });

  it.each([
    '',
    '.',
    '..',
    'v1..',
    'v2.e30.AAAA',
    'v1.e30.AAAA.x',
    '{"ipAddress":"192.0.2.7"}',
    'v1.e30.' + 'A'.repeat(5_000),
  ])('is not %j', (header) => {
    expect(verify(header, 'request-1').kind).toBe('refused');
  });

  it('is nothing that the same secret has signed for another purpose', () => {
    const payload = sign(ADA, 'request-1').split('.')[1] ?? '';
    const mac = createHmac('sha256', SECRET).update(payload).digest('base64url');
    expect(verify(`v1.${payload}.${mac}`, 'request-1')).toEqual({ kind: 'refused', problem: 'forged' });
  });

  it('is bounded where it is read', () => {
    const info = readClientInfo(
      { 'user-agent': 'x'.repeat(9_000), 'apollographql-client-name': 'y'.repeat(9_000) },
      '192.0.2.7',
    );
    expect([info.userAgent?.length, info.clientName?.length]).toEqual([512, 100]);
    expect(verify(sign(info, 'request-1'), 'request-1')).toEqual({ kind: 'accepted', info });
    expect(readClientInfo({}, null)).toEqual({ ipAddress: null, userAgent: null, clientName: null });
  });

  it.each([
    ['a\u0000b', 'ab'],
    ['\ud800x\udc00', 'x'],
    ['\u202eevil', 'evil'],
    ['\u2067x\u200f', 'x'],
    ['line\r\nbreak\u2028\u0085', 'linebreak'],
    ['\n\u0000', null],
    ['  web 1  ', 'web 1'],
    [`${'x'.repeat(99)}😀😀`, `${'x'.repeat(99)}😀`],
    ['שלום é漢字😀', 'שלום é漢字😀'],
  ])('is of %j, of which something can be stored and shown, %j', (given, kept) => {
    const headers = { 'user-agent': given, 'apollographql-client-name': given };
    const info = readClientInfo(headers, null);
    expect([info.clientName, info.userAgent]).toEqual([kept, given.includes('😀😀') ? given : kept]);
  });

  it('is what can be stored, whatever a client calls itself, is read again as it is, and arrives', () => {
    const text = fc.oneof(
      fc.string({ maxLength: 700, unit: 'binary' }),
      fc.array(fc.nat(0xffff), { maxLength: 700 }).map((units) => String.fromCharCode(...units)),
    );
    fc.assert(
      fc.property(text, text, (userAgent, clientName) => {
        const info = readClientInfo({ 'user-agent': userAgent, 'apollographql-client-name': clientName }, null);
        expect(`${info.userAgent}${info.clientName}`).not.toMatch(/[\p{Cc}\p{Surrogate}]/u);
        expect([...(info.clientName ?? '')].length).toBeLessThanOrEqual(100);
        expect([...(info.userAgent ?? '')].length).toBeLessThanOrEqual(512);
        expect(
          readClientInfo(
            { 'user-agent': info.userAgent ?? '', 'apollographql-client-name': info.clientName ?? '' },
            null,
          ),
        ).toEqual(info);
        expect(verify(sign(info, 'request-1'), 'request-1')).toEqual({ kind: 'accepted', info });
      }),
    );
    const longest = { ipAddress: null, userAgent: '😀'.repeat(512), clientName: '😀'.repeat(100) };
    expect(verify(sign(longest, 'request-1'), 'request-1')).toEqual({ kind: 'accepted', info: longest });
  });
});
