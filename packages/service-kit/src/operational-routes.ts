import type { Express } from 'express';
import type { Health } from './health.js';
import type { Metrics } from './metrics.js';

/**
 * Mounts `/health/live` (the process runs), `/health/ready` (it may get traffic), `/health` (the same with every
 * dependency) and `/metrics` (Prometheus text format).
 */
export function mountOperationalRoutes(app: Express, health: Health, metrics: Metrics): void {
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
