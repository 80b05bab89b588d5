import type { Log } from '../log.js';
import { fromZero, type Metrics } from '../metrics.js';
import type { TracingSettings } from '../settings.js';
import { serviceVersion } from '../version.js';
import type { FinishedSpan } from './finished-span.js';
import type { Tracing } from './span.js';

/**
 * Opens what sends the traces of a service to a collector over OTLP (HTTP, JSON); null where no setting says where that is. Then
 * nothing of OpenTelemetry is even loaded.
 */
export async function openTracing(
  service: string,
  config: TracingSettings,
  { log, metrics }: { readonly log: Log; readonly metrics: Metrics },
): Promise<Tracing | null> {
  const url = tracesUrl(config);
  if (url === null) return null;
  const [{ createOtelTracing, tellingExporter }, { BatchSpanProcessor }, { OTLPTraceExporter }] = await Promise.all([
    import('./otel-tracing.js'),
    import('@opentelemetry/sdk-trace-base'),
    import('@opentelemetry/exporter-trace-otlp-http'),
  ]);
  const exported = metrics.counter('taskgraph_trace_spans_exported_total', 'Spans of traces sent to the collector.', [
    'outcome',
  ]);
  fromZero(exported, 'outcome', ['ok', 'error']);
  const { OTEL_EXPORTER_OTLP_HEADERS: headers } = config;
  const exporter = tellingExporter(new OTLPTraceExporter({ url, ...(headers && { headers }) }), (spans, error) => {
    exported.inc({ outcome: error ? 'error' : 'ok' }, spans);
    if (error)
      log.warn({ err: error, code: 'UNAVAILABLE', reason: 'TRACES_NOT_EXPORTED', spans }, 'traces cannot be sent');
  });
  return createOtelTracing({
    serviceName: config.OTEL_SERVICE_NAME ?? `taskgraph-${service}`,
    version: serviceVersion(),
    processor: new BatchSpanProcessor(exporter),
  });
}

/** Opens what hands the spans of a service on within this process, whatever the settings say. */
export async function openOwnTracing(service: string, take: (span: FinishedSpan) => void): Promise<Tracing> {
  const [{ createOtelTracing }, { handingOn }] = await Promise.all([
    import('./otel-tracing.js'),
    import('./otel-memory.js'),
  ]);
  return createOtelTracing({
    serviceName: service,
    version: serviceVersion(),
    processor: handingOn(service, take),
  });
}

/** As the specification of OTLP exporters has it: the address for traces as it is, the one for everything with a path. */
function tracesUrl(config: TracingSettings): string | null {
  if (config.OTEL_SDK_DISABLED) return null;
  const { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: own, OTEL_EXPORTER_OTLP_ENDPOINT: shared } = config;
  if (own !== undefined) return own;
  return shared === undefined ? null : `${shared.replace(/\/+$/, '')}/v1/traces`;
}
