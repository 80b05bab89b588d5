import {
  createSpreadUpstream,
  type Member,
  type SpreadUpstream,
  type SpreadUpstreamOptions,
} from './spread-upstream.js';
import { splitUrls } from './url-list.js';
import type { UpstreamOptions } from './single-upstream.js';
import type { Log } from '../request/log.js';
import { assertNoPromise } from '../request/assert-no-promise.js';
import { createConcurrencyLimit, type ConcurrencyLimit } from './concurrency-limit.js';

/** How to reach one subgraph. */
export interface Subgraph {
  readonly url: string;
  /** Of one fetch that carries no files. */
  readonly timeoutMs: number;
  readonly upstream: SpreadUpstream;
  readonly limit: ConcurrencyLimit;
  /** For requests with files: as slow as their clients, so they have connections and places of their own. */
  readonly uploads: { readonly upstream: SpreadUpstream; readonly limit: ConcurrencyLimit };
}

/** A version of the graph: where its subgraphs are. */
export interface Addressed {
  readonly subgraphs: ReadonlyArray<{ readonly name: string; readonly url: string }>;
}

/**
 * The connections to the subgraphs of all versions of the graph that are in use.
 *
 * An operation is fetched for at the addresses of the version that it was compiled for, however many versions come
 * meanwhile. Versions share what has the same name and address.
 */
export interface Subgraphs {
  /**
   * Connects to the subgraphs of a version that does not serve yet.
   *
   * @throws when one of them has no address over HTTP; nothing has changed then
   */
  prepare(version: Addressed): void;
  /** From now on this version serves: health and metrics tell of its subgraphs, and no others. */
  serve(version: Addressed): void;
  /** @throws when the version has no such subgraph */
  get(name: string, version: Addressed): Subgraph;
  /** Where a subgraph is in the version that serves; one that is gone, where it was. @throws when there was none */
  urlOf(name: string): string;
  close(): Promise<void>;
}

export interface SubgraphsTelemetry {
  /** A call to a subgraph was no success, and was counted as a failure of it or not. */
  circuitJudged(subgraph: string, verdict: 'failure' | 'none', reason: string): void;
  /** A subgraph is no part of the graph any more: nothing is told of it from now on. */
  subgraphGone(subgraph: string): void;
  watchSubgraphs(subgraphs: () => Iterable<Pick<Subgraph, 'upstream' | 'limit'>>): void;
}

/** What a subgraph lacks that answers all the same. */
export interface Lacking {
  readonly degraded: string;
}

/** How subgraphs are reached. */
export interface SubgraphsSettings {
  readonly exchange: Pick<
    UpstreamOptions,
    'maxAnswerBytes' | 'breakerErrorPercentage' | 'breakerResetMs' | 'http2' | 'authorities' | 'compression'
  >;
  /** Where a subgraph is, in the place of the supergraph's word. */
  readonly urlOf: (subgraph: string) => string | undefined;
  /** What an operator can do about a subgraph whose address is not known. */
  readonly adviceFor: (subgraph: string) => string;
  readonly timeoutMs: (subgraph: string) => number;
  /** Asks a subgraph that answers whether it is ready as well, and what it lacks. @throws what health tells when it says that it is not */
  readonly assertReady?: (url: string, signal: AbortSignal) => Promise<Lacking | void>;
  readonly maxConnections: number;
  /** Fetches under way at once to one subgraph, and how many more may wait. */
  readonly maxConcurrency: number;
  readonly maxWaiting: number;
  /** Uploads under way at once to one subgraph. */
  readonly maxUploads: number;
  /** Of those, in the name of one user, or of everybody at one address who has not signed in. */
  readonly maxUploadsPerUser: number;
  /** How long an operation may take that was compiled for an earlier version of the graph. */
  readonly longestOperationMs: number;
}

/** Where it is told how to find out whether a subgraph is there. */
export interface SubgraphHealth {
  register(
    name: string,
    check: (signal: AbortSignal) => Promise<Lacking | void>,
    options: { readonly critical: false; readonly details: () => Readonly<Record<string, unknown>> },
  ): void;
  unregister(name: string): void;
}

export interface SubgraphsOptions {
  readonly settings: SubgraphsSettings;
  readonly log: Log;
  readonly telemetry: SubgraphsTelemetry;
  readonly health: SubgraphHealth;
}

const PROBE_TIMEOUT_MS = 1_500;
const PROBE = {
  headers: { 'content-type': 'application/json' },
  body: '{"query":"{__typename}"}',
  idempotent: true,
  timeoutMs: PROBE_TIMEOUT_MS,
} as const;

export function createSubgraphs({ settings, log, telemetry, health }: SubgraphsOptions): Subgraphs {
  const { urlOf, adviceFor, timeoutMs, maxConnections, maxConcurrency, maxWaiting, maxUploads } = settings;
  /** By their lists, which a version has in common with what is planned of it for labels of `@override`. */
  const versions = new WeakMap<Addressed['subgraphs'], ReadonlyMap<string, Subgraph>>();
  /** Everything that is open, by name and address. */
  const connections = new Map<string, Connection>();
  const urls = new Map<string, string>();
  let current: ReadonlyMap<string, Subgraph> = new Map();
  telemetry.watchSubgraphs(() => current.values());

  function connect(name: string, url: string): Subgraph {
    const key = `${name}\n${url}`;
    const known = connections.get(key);
    if (known) {
      clearTimeout(known.retirement);
      return known.subgraph;
    }
    const reach: SpreadUpstreamOptions = {
      ...settings.exchange,
      name,
      url,
      log,
      timeoutMs: givenTimeout(timeoutMs(name)),
      onVerdict: (verdict, reason) => telemetry.circuitJudged(name, verdict, reason),
    };
    const upstream = createSpreadUpstream({ ...reach, maxConnections });
    const limit = createConcurrencyLimit({ maxActive: maxConcurrency, maxWaiting });
    const uploads = {
      upstream: createSpreadUpstream({ ...reach, maxConnections: maxUploads }),
      limit: createConcurrencyLimit({
        maxActive: maxUploads,
        maxWaiting,
        // As slow as its uploader: with all of them, one user would keep everybody else's waiting.
        maxActivePerOwner: settings.maxUploadsPerUser,
      }),
    };
    const subgraph = { url, timeoutMs: reach.timeoutMs, upstream, limit, uploads };
    connections.set(key, { name, subgraph, retirement: undefined });
    return subgraph;
  }

  /** It is there where one of its addresses answers; it lacks those that do not, and what is not asked of it for what it has failed at. */
  function watch(name: string, { upstream, limit, uploads }: Subgraph): void {
    const look = async (signal: AbortSignal): Promise<Lacking | void> => {
      const members = upstream.members();
      const asked = new Map<string, Promise<Lacking | void> | undefined>();
      const ask = async ({ url, upstream: member }: Member) => {
        await member.probe({ ...PROBE, signal });
        // Once for each URL: of several addresses of one host, any may answer.
        if (!asked.has(url)) asked.set(url, settings.assertReady?.(url, signal));
        return asked.get(url);
      };
      if (members.length === 1) return ask(members[0] as Member);
      const outcomes = await Promise.allSettled(members.map(ask));
      const failed = outcomes.flatMap((outcome, index) =>
        outcome.status === 'rejected' ? [`${members[index]?.name ?? ''}: ${String(outcome.reason)}`] : [],
      );
      if (failed.length === members.length) throw new Error(failed.join('; '));
      if (failed.length > 0) return { degraded: failed.join('; ') };
      return outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? (outcome.value ?? []) : []))[0];
    };
    const check = async (signal: AbortSignal): Promise<Lacking | void> =>
      (await look(signal)) ?? lackOfCircuit(upstream, 'it answers, but') ?? lackOfCircuit(uploads.upstream, 'uploads:');
    health.register(name, check, {
      critical: false,
      details: () => ({
        circuit: upstream.circuit(),
        active: limit.active(),
        waiting: limit.waiting(),
        ...(upstream.members().length > 1 && { addresses: circuitsOf(upstream) }),
      }),
    });
  }

  /** Operations of the versions before go on for a while, and may not have asked it yet. */
  function retireLater(key: string, connection: Connection): void {
    clearTimeout(connection.retirement);
    connection.retirement = setTimeout(() => {
      connections.delete(key);
      if (!current.has(connection.name)) telemetry.subgraphGone(connection.name);
      void connection.subgraph.upstream.retire();
      void connection.subgraph.uploads.upstream.retire();
    }, settings.longestOperationMs).unref();
  }

  return {
    prepare(version) {
      const addressed = version.subgraphs.map(({ name, url }) => ({ name, url: givenUrl(urlOf(name)) ?? url }));
      // All or none: a list that is refused leaves the connections of the one before as they are.
      const lost = addressed.find(({ url }) => splitUrls(url).length === 0 || !splitUrls(url).every(isHttpUrl));
      if (lost) {
        const found = lost.url ? `, but ${JSON.stringify(lost.url)}` : '';
        throw new Error(`The supergraph has no URL for the subgraph ${lost.name}${found}. ${adviceFor(lost.name)}`);
      }
      versions.set(version.subgraphs, new Map(addressed.map(({ name, url }) => [name, connect(name, url)])));
    },
    serve(version) {
      const before = current;
      current = versions.get(version.subgraphs) ?? new Map<string, Subgraph>();
      for (const name of before.keys()) {
        if (current.has(name)) continue;
        health.unregister(name);
        telemetry.subgraphGone(name);
      }
      for (const [name, subgraph] of current) {
        urls.set(name, subgraph.url);
        if (before.get(name) !== subgraph) watch(name, subgraph);
      }
      for (const [key, connection] of connections)
        if (current.get(connection.name) !== connection.subgraph) retireLater(key, connection);
    },
    get(name, version) {
      const subgraph = versions.get(version.subgraphs)?.get(name);
      // A subscription that could not be planned anew goes on with its old plan: by now at the address of today.
      const isRetired = subgraph && !connections.has(`${name}\n${subgraph.url}`);
      const found = isRetired ? current.get(name) : subgraph;
      if (!found) throw new Error(`There is no subgraph ${name}.`);
      return found;
    },
    urlOf(name) {
      const url = urls.get(name);
      if (url === undefined) throw new Error(`There is no subgraph ${name}.`);
      return urlOfOne(url, current.get(name)?.upstream);
    },
    async close() {
      for (const { retirement } of connections.values()) clearTimeout(retirement);
      const open = [...connections.values()].flatMap(({ subgraph }) => [subgraph.upstream, subgraph.uploads.upstream]);
      await Promise.all(open.map((upstream) => upstream.close()));
    },
  };
}

/** Of several, one that is well: a subscription made there stays there. */
function urlOfOne(url: string, upstream: SpreadUpstream | undefined): string {
  const [first = url, ...others] = splitUrls(url);
  if (others.length === 0) return first;
  return upstream?.members().find((member) => member.upstream.circuit() === 'closed')?.url ?? first;
}

/** A service that answers a probe may fail at all else: while its circuit is open, nothing is asked of it. */
function lackOfCircuit(upstream: SpreadUpstream, what: string): Lacking | undefined {
  const open = upstream.members().filter((member) => member.upstream.circuit() !== 'closed');
  if (open.length === 0) return undefined;
  const places = upstream.members().length > 1 ? ` of ${open.map(({ name }) => name).join(', ')}` : '';
  return {
    degraded: `${what} the circuit${places} is open: calls have failed, and none are sent until one is answered`,
  };
}

function circuitsOf(upstream: SpreadUpstream): Readonly<Record<string, string>> {
  return Object.fromEntries(upstream.members().map((member) => [member.name, member.upstream.circuit()]));
}

/** @throws TypeError when a host's function has answered otherwise than it should */
function givenUrl(url: unknown): string | null {
  assertNoPromise(url, 'subgraphs.urlOf');
  if (url === undefined || url === null || typeof url === 'string') return url ?? null;
  throw new TypeError('`subgraphs.urlOf` has returned what is no text.');
}

/** @throws TypeError when a host's function has answered otherwise than it should */
function givenTimeout(timeoutMs: unknown): number {
  assertNoPromise(timeoutMs, 'subgraphs.timeoutMs');
  if (typeof timeoutMs === 'number' && timeoutMs >= 1 && timeoutMs < 2 ** 31) return timeoutMs;
  throw new TypeError('`subgraphs.timeoutMs` has returned what is no number of milliseconds.');
}

interface Connection {
  readonly name: string;
  readonly subgraph: Subgraph;
  retirement: NodeJS.Timeout | undefined;
}

function isHttpUrl(url: string): boolean {
  return URL.canParse(url) && /^https?:$/.test(new URL(url).protocol);
}
