import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createTickets } from './tickets.js';

const SECRET = 'a secret of two gateways that is long enough';

describe('a ticket', () => {
  it('gives back what it was issued for, to the same request, in time', () => {
    let time = 1_000;
    const tickets = createTickets({ secret: null, lifetimeMs: 30_000, now: () => time });
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (authorization, request) => {
        const ticket = tickets.issue(authorization, request);
        expect(ticket).toMatch(/^[\w-]+$/);
        expect(tickets.redeem(ticket, request)).toBe(authorization);
        expect(tickets.redeem(ticket, `${request}x`)).toBeNull();
        time += 29_999;
        expect(tickets.redeem(ticket, request)).toBe(authorization);
        time += 1;
        expect(tickets.redeem(ticket, request)).toBeNull();
      }),
    );
  });

  it('shows nothing of the credentials, and is another one each time', () => {
    const tickets = createTickets({ secret: SECRET, lifetimeMs: 30_000 });
    const [one, two] = [tickets.issue('Bearer a.b.c', 'q'), tickets.issue('Bearer a.b.c', 'q')];
    expect(one).not.toBe(two);
    expect(Buffer.from(one, 'base64url').toString('latin1')).not.toContain('a.b.c');
  });

  it('is none when anything of it is changed', () => {
    const tickets = createTickets({ secret: SECRET, lifetimeMs: 30_000 });
    const bytes = Buffer.from(tickets.issue('Bearer a.b.c', 'q'), 'base64url');
    for (let index = 0; index < bytes.length; index += 1) {
      const changed = Buffer.from(bytes);
      changed[index] = (changed[index] as number) ^ 1;
      expect(tickets.redeem(changed.toString('base64url'), 'q')).toBeNull();
      expect(tickets.redeem(bytes.subarray(0, index).toString('base64url'), 'q')).toBeNull();
    }
    for (const text of ['', '!', 'x'.repeat(10_000)]) expect(tickets.redeem(text, 'q')).toBeNull();
  });

  it('is taken by whoever has the same secret, and by nobody else', () => {
    const options = { lifetimeMs: 30_000 };
    const ticket = createTickets({ ...options, secret: SECRET }).issue('Bearer a', 'q');
    expect(createTickets({ ...options, secret: SECRET }).redeem(ticket, 'q')).toBe('Bearer a');
    expect(createTickets({ ...options, secret: null }).redeem(ticket, 'q')).toBeNull();
    expect(createTickets({ ...options, secret: `${SECRET}!` }).redeem(ticket, 'q')).toBeNull();
  });
});
