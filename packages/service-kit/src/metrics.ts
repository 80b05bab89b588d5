import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import type { Outcome } from './outcomes.js';
import { TalliedHistogram } from './tallied-histogram.js';
import { serviceVersion } from './version.js';

/** Seconds; from a cached answer to a lost one. */
const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** What is told of metrics, in the text format of Prometheus. */
export interface Scraped {
  readonly registry: Pick<Registry, 'contentType' | 'metrics'>;
}

/** A counter whose outcomes are those that there are. */
interface EventCounter<Label extends string> extends Omit<Counter<Label>, 'inc'> {
  inc(labels: { readonly [Name in Label]?: Name extends 'outcome' ? Outcome : string | number }, value?: number): void;
  inc(value?: number): void;
}

/**
 * Lets a counter begin at zero for each of these values: of one that begins with its first event, that event is no growth, and an
 * alert on growth does not see it.
 */
export function fromZero<Label extends string>(
  counter: EventCounter<Label>,
  label: Label,
  values: Iterable<string | number>,
): EventCounter<Label> {
  for (const value of values) counter.inc({ [label]: value } as Parameters<typeof counter.inc>[0] & object, 0);
  return counter;
}

/** How a gauge of several processes is one: their values together, or the highest. */
type GaugeAggregator = 'sum' | 'max';

/** The metrics of one process or, in embedded mode, of one service: each has its own registry. */
export interface Metrics {
  readonly registry: Registry;
  counter<Label extends string = never>(name: string, help: string, labels?: readonly Label[]): EventCounter<Label>;
  gauge<Label extends string = never>(
    name: string,
    help: string,
    labels?: readonly Label[],
    aggregator?: GaugeAggregator,
  ): Gauge<Label>;
  histogram<Label extends string = never>(
    name: string,
    help: string,
    labels?: readonly Label[],
    buckets?: readonly number[],
  ): Histogram<Label>;
  /** For what is observed in each request. */
  tallied(name: string, help: string, labels: readonly string[], buckets?: readonly number[]): TalliedHistogram;
  /** Method, route, status; seconds. */
  readonly httpDuration: TalliedHistogram;
  /** Model, action, outcome ok or error; seconds. */
  readonly sqlDuration: TalliedHistogram;
  /** What it is for, and outcome ok or error; seconds. */
  readonly redisDuration: TalliedHistogram;
  /** Peer and outcome; seconds. */
  readonly peerDuration: Histogram<'peer' | 'outcome'>;
  /** Of calls to another service that were no success: failure or none, and why. */
  readonly circuitVerdicts: EventCounter<'subgraph' | 'verdict' | 'reason'>;
}

/** @param service becomes the label `service` of every series */
export function createMetrics(service: string): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const metrics = {
    registry,
    counter: <Label extends string = never>(name: string, help: string, labels: readonly Label[] = []) =>
      new Counter<Label>({ name, help, labelNames: [...labels], registers }),
    gauge: <Label extends string = never>(
      name: string,
      help: string,
      labels: readonly Label[] = [],
      aggregator: GaugeAggregator = 'sum',
    ) => new Gauge<Label>({ name, help, labelNames: [...labels], registers, aggregator }),
    histogram: <Label extends string = never>(
      name: string,
      help: string,
      labels: readonly Label[] = [],
      buckets: readonly number[] = DURATION_BUCKETS,
    ) => new Histogram<Label>({ name, help, labelNames: [...labels], buckets: [...buckets], registers }),
    tallied: (
      name: string,
      help: string,
      labelNames: readonly string[],
      buckets: readonly number[] = DURATION_BUCKETS,
    ) => new TalliedHistogram({ name, help, labelNames, buckets }).registerIn(registry),
  };
  metrics
    .gauge(
      'taskgraph_build_info',
      'The release that runs, and the Node that runs it: always 1.',
      ['version', 'node'],
      'max',
    )
    .set({ version: serviceVersion(), node: process.versions.node }, 1);
  // A process that asks nothing of a kind has no metric of it.
  let sqlDuration: TalliedHistogram | undefined;
  let peerDuration: Histogram<'peer' | 'outcome'> | undefined;
  let redisDuration: TalliedHistogram | undefined;
  return {
    ...metrics,
    httpDuration: metrics.tallied(
      'taskgraph_http_request_duration_seconds',
      'Time from the head of a request to the end of its response.',
      ['method', 'route', 'status'],
    ),
    get sqlDuration() {
      return (sqlDuration ??= metrics.tallied(
        'taskgraph_sql_statement_duration_seconds',
        'Time of one SQL statement, waiting for a connection not included.',
        ['model', 'action', 'outcome'],
      ));
    },
    get peerDuration() {
      return (peerDuration ??= metrics.histogram(
        'taskgraph_peer_request_duration_seconds',
        'Time of one call to another service.',
        ['peer', 'outcome'],
      ));
    },
    get redisDuration() {
      return (redisDuration ??= metrics.tallied(
        'taskgraph_redis_command_duration_seconds',
        'Time of one command of Redis, by what it is for.',
        ['use', 'outcome'],
      ));
    },
    circuitVerdicts: metrics.counter(
      'taskgraph_circuit_verdicts_total',
      'Calls to another service that were no success: counted as a failure of it, or as none, and why.',
      ['subgraph', 'verdict', 'reason'],
    ),
  };
}
