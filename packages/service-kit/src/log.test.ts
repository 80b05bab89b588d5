import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { changeLogLevel, createLog, type Log } from './log.js';
import { inSpan, type Span } from './tracing/span.js';

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

describe('the level of a log', () => {
  it('is changed while the process runs, for its parts as well', () => {
    const lines: string[] = [];
    const log = createLog({
      service: 'test',
      level: 'warn',
      destination: { write: (line: string) => void lines.push(line) },
    });
    const part = log.child({ part: 'relay' });
    part.debug('not yet');
    changeLogLevel(log, 'debug');
    part.debug('now');
    log.child({ requestId: 'r' }).debug('and of requests');
    changeLogLevel(log, 'warn');
    part.info('no more');
    const messages = lines.map((line) => (JSON.parse(line) as { msg: string }).msg);
    expect(messages).toEqual(['the level of the log was changed', 'now', 'and of requests']);
  });
});

describe('a line within a trace', () => {
  it('names the trace, with facts or without', () => {
    const span = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736' } as Span;
    expect(logged((log) => inSpan(span, () => log.info('x')))).toMatchObject({ msg: 'x', traceId: span.traceId });
    expect(logged((log) => inSpan(span, () => log.info({ count: 1 }, 'x')))).toMatchObject({
      count: 1,
      traceId: span.traceId,
    });
    expect(logged((log) => log.info('x'))).not.toHaveProperty('traceId');
  });
});

describe('a burst of one fault', () => {
  let lines: Array<Record<string, unknown>>;
  let log: Log;
  beforeEach(() => {
    jest.useFakeTimers();
    lines = [];
    log = createLog({
      service: 'test',
      level: 'info',
      destination: { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) },
    });
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  const down = { code: 'UNAVAILABLE', reason: 'CIRCUIT_OPEN', subgraph: 'task' };

  it('is its first line, and one that tells how many came within ten seconds', () => {
    for (let index = 0; index < 1_194; index += 1)
      log.child({ requestId: `r${index}` }).warn({ ...down, err: new Error('open') }, 'subgraph fetch failed');
    expect(lines).toEqual([expect.objectContaining({ requestId: 'r0', msg: 'subgraph fetch failed' })]);
    jest.advanceTimersByTime(10_000);
    expect(lines.slice(1)).toEqual([
      expect.objectContaining({ ...down, requestId: 'r1193', msg: 'subgraph fetch failed', repeated: 1_193 }),
    ]);
    jest.advanceTimersByTime(60_000);
    expect(lines).toHaveLength(2);
    log.warn(down, 'subgraph fetch failed');
    expect(lines).toHaveLength(3);
  });

  it('that was one line is one line', () => {
    log.warn(down, 'subgraph fetch failed');
    jest.advanceTimersByTime(60_000);
    expect(lines).toHaveLength(1);
  });

  it('hides no other fault, and nothing that is none', () => {
    log.warn(down, 'subgraph fetch failed');
    log.warn({ ...down, subgraph: 'media' }, 'subgraph fetch failed');
    log.warn({ ...down, reason: 'TIMEOUT' }, 'subgraph fetch failed');
    log.error({ err: new Error('one') }, 'defect');
    log.error({ err: new Error('other') }, 'defect');
    for (const eventId of ['a', 'b']) log.warn({ eventId }, 'event not handled');
    for (const mediaId of ['a', 'b']) log.info({ code: 'X', mediaId }, 'media uploaded');
    expect(lines).toHaveLength(9);
  });

  it('of more kinds than are kept apart is written line by line', () => {
    for (let index = 0; index < 300; index += 1) log.warn({ code: `C${index % 250}` }, 'x');
    expect(lines.length).toBe(250);
    expect(jest.getTimerCount()).toBe(200);
  });

  it('tells what was expected without a stack, and a defect with it', () => {
    const cause = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:3002'), { code: 'ECONNREFUSED' });
    log.warn({ ...down, err: new Error('The task service is unavailable.', { cause }) }, 'subgraph fetch failed');
    expect(lines[0]?.['err']).toEqual({
      type: 'Error',
      message: 'The task service is unavailable.',
      cause: { type: 'Error', message: cause.message, code: 'ECONNREFUSED' },
    });
    log.error({ err: cause }, 'defect');
    expect(lines[1]?.['err']).toMatchObject({ stack: expect.stringContaining('log.test') });
  });
});
