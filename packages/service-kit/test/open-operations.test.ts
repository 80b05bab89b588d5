import { describe, expect, it } from '@jest/globals';
import {
  createHealth,
  createHttpService,
  createLog,
  createMetrics,
  type HttpServerConfig,
} from '@taskgraph/service-kit';

/** What a service warns of when it starts. */
async function warningsOf(config: Partial<HttpServerConfig>): Promise<object[]> {
  const lines: Array<Record<string, unknown>> = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) };
  await using service = await createHttpService({
    name: 'media',
    config: { host: '0.0.0.0', port: 0, shutdownGraceMs: 1_000, ...config },
    log: createLog({ service: 'media', level: 'warn', destination }),
    metrics: createMetrics('media'),
    health: createHealth(),
    routes: () => undefined,
  });
  await service.listen();
  return lines;
}

describe('metrics and health', () => {
  it('are warned of where strangers can read them, with the setting that keeps them apart', async () => {
    expect(await warningsOf({})).toEqual([
      expect.objectContaining({
        host: '0.0.0.0',
        setting: 'MEDIA_OPERATIONS_PORT',
        msg: expect.stringMatching(/^strangers can reach what is meant for operators/),
      }),
    ]);
  });

  it.each<[where: string, config: Partial<HttpServerConfig>]>([
    ['for this machine alone', { host: '127.0.0.1' }],
    ['at a port of their own', { operations: { host: '127.0.0.1', port: 0 } }],
    ['at that of another process', { operations: 'elsewhere' }],
  ])('are nothing to warn of %s', async (_where, config) => {
    expect(await warningsOf(config)).toEqual([]);
  });
});
