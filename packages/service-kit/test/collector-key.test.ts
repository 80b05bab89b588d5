import { describe, expect, it } from '@jest/globals';
import { startOtlpReceiver } from '@taskgraph/testkit';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ConfigError } from '../src/config-error.js';
import { createLog } from '../src/log.js';
import { createMetrics } from '../src/metrics.js';
import { z } from 'zod';
import { parseConfig, tracingSettings } from '../src/settings.js';
import { openTracing } from '../src/tracing/open-tracing.js';

const KEY = 'k3y-of-the-collector';

/** Traces one thing, with what a setting says of headers, and returns what is logged of it. */
async function traceOnce(url: string, headers: string): Promise<string> {
  const lines: string[] = [];
  const log = createLog({ service: 'task', level: 'trace', destination: { write: (line) => void lines.push(line) } });
  const config = parseConfig(z.object(tracingSettings), {
    OTEL_EXPORTER_OTLP_ENDPOINT: url,
    OTEL_EXPORTER_OTLP_HEADERS: headers,
  });
  const tracing = await openTracing('task', config, { log, metrics: createMetrics('task') });
  tracing?.start('a request', undefined).end();
  await tracing?.close();
  return lines.join('');
}

describe('the key of a collector', () => {
  it.each([
    [`api-key=${KEY}`, { 'api-key': KEY }],
    [` api-key = ${KEY} , x-scope=a=b`, { 'api-key': KEY, 'x-scope': 'a=b' }],
    [`authorization=Bearer%20${KEY}`, { authorization: `Bearer ${KEY}` }],
  ])('is sent with every export: %s', async (setting, expected) => {
    await using collector = await startOtlpReceiver();
    const logged = await traceOnce(collector.url, setting);
    expect(collector.headers).toEqual([expect.objectContaining(expected)]);
    expect(logged).not.toContain(KEY);
  });

  it('is in no log where the collector refuses it, and says it again', async () => {
    const server = createServer((request, response) => {
      request.resume();
      response.writeHead(401, { 'x-seen': request.headers['api-key'] }).end(`no such key: ${KEY}`);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const logged = await traceOnce(`http://127.0.0.1:${port}`, `api-key=${KEY}`);
    await new Promise((resolve) => server.close(resolve));
    expect(logged).toContain('traces cannot be sent');
    expect(logged).not.toContain(KEY);
  });

  it.each(['', KEY, `=${KEY}`, `a b=${KEY}`, `api-key=${KEY}%`, `api-key=${KEY}%0d%0ax: 1`, `api-key=${KEY},`])(
    'is told to be wrong without being told: %j',
    (setting) => {
      const read = () => parseConfig(z.object(tracingSettings), { OTEL_EXPORTER_OTLP_HEADERS: setting });
      if (setting === '') return void expect(read().OTEL_EXPORTER_OTLP_HEADERS).toBeUndefined();
      expect(read).toThrow(ConfigError);
      expect(read).toThrow(/OTEL_EXPORTER_OTLP_HEADERS: must be name=value/);
      expect(read).not.toThrow(new RegExp(KEY));
      return undefined;
    },
  );
});
