import type { Express } from 'express';
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
export function mountOperationalRoutes(app: Express, { health, metrics, details }: OperationalRoutesOptions): void {
  app.get('/health/live', (_request, response) => {
    response.set('cache-control', 'no-store').json({ status: 'ok' });
  });
  app.get('/health/ready', async (_request, response) => {
    const { status } = await health.report();
    const ready = status === 'ok' || status === 'degraded';
    response
      .status(ready ? 200 : 503)
      .set('cache-control', 'no-store')
      .json({ status });
  });
  if (!details) return;
  app.get('/health', async (_request, response) => {
    const report = await health.report();
    const ready = report.status === 'ok' || report.status === 'degraded';
    response
      .status(ready ? 200 : 503)
      .set('cache-control', 'no-store')
      .json(report);
  });
  app.get('/metrics', async (_request, response) => {
    response.set('content-type', metrics.registry.contentType).send(await metrics.registry.metrics());
  });
}
