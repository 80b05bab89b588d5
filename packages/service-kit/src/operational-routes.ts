import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Health } from './health.js';
import type { Scraped } from './metrics.js';

interface OperationalRoutesOptions {
  readonly health: Health;
  readonly metrics: Scraped;
  /** Whether dependencies and figures are told, and not only a status. */
  readonly details: boolean;
}

/**
 * Mounts `/health/live` (the process runs) and `/health/ready` (it may get traffic); with details also `/health` (the same with every
 * dependency) and `/metrics` (Prometheus text format).
 */
export function mountOperationalRoutes(
  app: FastifyInstance,
  { health, metrics, details }: OperationalRoutesOptions,
): void {
  app.get('/health/live', (_request, reply) => {
    tell(reply, 200, { status: 'ok' });
  });
  app.get('/health/ready', async (_request, reply) => {
    const { status } = await health.report();
    return tell(reply, isReady(status) ? 200 : 503, { status });
  });
  if (!details) return;
  app.get('/health', async (_request, reply) => {
    const report = await health.report();
    return tell(reply, isReady(report.status) ? 200 : 503, report);
  });
  app.get('/metrics', async (_request, reply) =>
    reply.header('content-type', metrics.registry.contentType).send(await metrics.registry.metrics()),
  );
}

type Status = Awaited<ReturnType<Health['report']>>['status'];

function isReady(status: Status): boolean {
  return status === 'ok' || status === 'degraded';
}

function tell(reply: FastifyReply, status: number, body: object): FastifyReply {
  return reply.code(status).header('cache-control', 'no-store').send(body);
}
