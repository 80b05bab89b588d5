import { describe, expect, it } from '@jest/globals';
import { createLog, type Log } from './log.js';

function logged(write: (log: Log) => void): Record<string, unknown> {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  write(createLog({ service: 'test', level: 'info', destination }));
  expect(lines).toHaveLength(1);
  return JSON.parse(lines[0] ?? '') as Record<string, unknown>;
}

describe('a log line', () => {
  it('tells the service, the level by its name, and the time', () => {
    expect(logged((log) => log.warn({ count: 1 }, 'much'))).toEqual({
      level: 'warn',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      service: 'test',
      pid: process.pid,
      count: 1,
      msg: 'much',
    });
  });

  it.each([
    ['at the top', { token: 't', count: 1 }, { token: '[redacted]', count: 1 }],
    ['in a member', { input: { password: 'p', name: 'n' } }, { input: { password: '[redacted]', name: 'n' } }],
    ['in headers', { headers: { cookie: 'c', accept: '*/*' } }, { headers: { cookie: '[redacted]', accept: '*/*' } }],
    [
      'in the headers of a member',
      { request: { url: '/', headers: { authorization: 'Bearer x' } } },
      { request: { url: '/', headers: { authorization: '[redacted]' } } },
    ],
    [
      'that are no texts',
      { accessToken: { text: 't' }, refreshToken: null },
      { accessToken: '[redacted]', refreshToken: '[redacted]' },
    ],
  ])('has no secrets %s', (_where, facts, safe) => {
    expect(logged((log) => log.info(facts))).toMatchObject(safe);
  });

  it('has no secrets that belong to its logger or to an error', () => {
    expect(logged((log) => log.child({ token: 't', requestId: 'r' }).info('x'))).toMatchObject({
      token: '[redacted]',
      requestId: 'r',
    });
    const grandchild = (log: Log) => log.child({ requestId: 'r' }).child({ input: { password: 'p' } });
    expect(logged((log) => grandchild(log).info('x'))).toMatchObject({
      requestId: 'r',
      input: { password: '[redacted]' },
    });
    const error = Object.assign(new Error('refused', { cause: new Error('why') }), {
      authorization: 'Bearer x',
      headers: { cookie: 'c' },
      code: 'E',
    });
    const { err } = logged((log) => log.error({ err: error }, 'failed')) as { err: Record<string, unknown> };
    expect(err).toMatchObject({
      type: 'Error',
      message: 'refused: why',
      code: 'E',
      authorization: '[redacted]',
      headers: { cookie: '[redacted]' },
    });
    expect(logged((log) => log.error(error))).toMatchObject({ err: { authorization: '[redacted]' } });
    expect(logged((log) => log.error({ reason: error }, 'failed'))).toMatchObject({
      reason: { authorization: '[redacted]', headers: { cookie: '[redacted]' }, code: 'E' },
    });
  });

  it('leaves what it is given as it is', () => {
    const facts = { token: 't', input: { password: 'p' } };
    logged((log) => log.info(facts));
    expect(facts).toEqual({ token: 't', input: { password: 'p' } });
  });
});
