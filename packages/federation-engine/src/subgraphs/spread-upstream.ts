import { promises as dns } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { Fault } from '../request/fault.js';
import { CircuitOpenError } from './circuit.js';
import {
  createUpstream,
  type Upstream,
  type UpstreamAnswer,
  type UpstreamOptions,
  type UpstreamRequest,
} from './single-upstream.js';
import { mayBeAskedAgain } from './upstream-errors.js';
import { splitUrls } from './url-list.js';

export interface SpreadUpstreamOptions extends Omit<UpstreamOptions, 'url' | 'address' | 'lookup' | 'retries'> {
  /** Of the GraphQL endpoint; several, with commas between them, where a service is at several places. */
  readonly url: string;
  /** Tells the addresses of a host; those of DNS when absent. */
  readonly resolve?: (host: string) => Promise<readonly Address[]>;
  /** How often addresses are looked for anew. */
  readonly resolveMs?: number;
}

export interface Address {
  readonly address: string;
  readonly family: number;
}

/** A service that may be at several addresses. */
export interface SpreadUpstream extends Upstream {
  /** Each address by itself; one where there is one. */
  readonly members: () => readonly Member[];
}

export interface Member {
  /** Its URL, with the address in brackets where that is one of several of its host. */
  readonly name: string;
  readonly url: string;
  readonly upstream: Upstream;
}

const RESOLVE_MS = 5_000;

/**
 * Creates the client of a service that may be at several addresses: several URLs, or one whose host has several addresses in DNS, such as a
 * headless service of Kubernetes. Each address has connections and a circuit of its own, and they are asked in turn: one that hangs or fails
 * is left alone, and the others go on. A read that fails at one, because the connection broke or a balancer says 502 or 503, is asked of
 * another, once.
 *
 * Where there is one address, which is looked for again and again, it is what `createUpstream` makes.
 */
export function createSpreadUpstream(options: SpreadUpstreamOptions): SpreadUpstream {
  const { name, resolve = resolveHost, resolveMs = RESOLVE_MS } = options;
  const urls = splitUrls(options.url);
  /** By URL and address. */
  let members = new Map<string, Member>();
  let list: readonly Member[] = [];
  let turn = 0;
  let isClosed = false;

  function open(url: string, at: Address | null, isAlone: boolean): Member {
    const label = at ? `${url} [${at.address}]` : url;
    const upstream = createUpstream({
      ...options,
      url,
      retries: isAlone,
      ...(!isAlone && { address: label }),
      ...(at && { lookup: lookupOf(at) }),
    });
    return { name: label, url, upstream };
  }

  function place(places: ReadonlyArray<{ readonly url: string; readonly at: Address | null }>): void {
    const isAlone = places.length === 1;
    const next = new Map<string, Member>();
    for (const { url, at } of places) {
      const key = `${isAlone ? 'alone' : 'one'} ${url} ${at?.address ?? ''}`;
      next.set(key, members.get(key) ?? open(url, at, isAlone));
    }
    for (const [key, { upstream }] of members) if (!next.has(key)) void upstream.retire();
    members = next;
    list = [...next.values()];
  }

  place(urls.map((url) => ({ url, at: null })));

  async function refresh(): Promise<void> {
    const found = await Promise.all(
      urls.map(async (url) => {
        const addresses = await resolve(new URL(url).hostname).catch(() => null);
        return addresses && addresses.length > 1
          ? addresses.map((at) => ({ url, at }))
          : [{ url, at: null, isUnknown: !addresses }];
      }),
    );
    // Where DNS does not answer, what is known goes on.
    if (isClosed || found.flat().some((one) => 'isUnknown' in one && one.isUnknown)) return;
    place(found.flat());
  }

  const isFixed = urls.every((url) => isFixedHost(new URL(url).hostname));
  let timer: NodeJS.Timeout | undefined;
  /** One look after the other: where DNS takes long, they would pile up, and an old answer come after a new one. */
  async function follow(): Promise<void> {
    await refresh();
    if (!isClosed) timer = setTimeout(() => void follow(), resolveMs).unref();
  }
  if (!isFixed) void follow();

  /** In turn, those that are well first. */
  function choose(except?: Member): Member | null {
    let second: Member | null = null;
    for (let step = 0; step < list.length; step += 1) {
      const member = list[(turn + step) % list.length] as Member;
      if (member === except) continue;
      second ??= member;
      if (member.upstream.circuit() !== 'closed') continue;
      turn = (turn + step + 1) % list.length;
      return member;
    }
    turn = (turn + 1) % list.length;
    return second;
  }

  async function sendToOne(request: UpstreamRequest): Promise<UpstreamAnswer> {
    const first = choose() as Member;
    try {
      return await first.upstream.send(request);
    } catch (error) {
      const cause = error instanceof Fault ? error.cause : null;
      // Where the circuit is open, nothing was sent.
      const mayAgain =
        cause instanceof CircuitOpenError ? isText(request) : request.idempotent && mayBeAskedAgain(cause);
      const other = mayAgain && !request.signal.aborted ? choose(first) : null;
      if (!other) throw error;
      return other.upstream.send(request);
    }
  }

  return {
    name,
    members: () => list,
    send: (request) => (list.length === 1 ? (list[0] as Member).upstream.send(request) : sendToOne(request)),
    async probe(request) {
      const outcomes = await Promise.allSettled(list.map(({ upstream }) => upstream.probe(request)));
      const answered = outcomes.find((outcome) => outcome.status === 'fulfilled');
      if (answered) return answered.value;
      throw (outcomes[0] as PromiseRejectedResult).reason;
    },
    circuit() {
      const states = list.map(({ upstream }) => upstream.circuit());
      return states.find((state) => state === 'closed') ?? states.find((state) => state === 'half_open') ?? 'open';
    },
    async retire() {
      isClosed = true;
      clearTimeout(timer);
      await Promise.all(list.map(({ upstream }) => upstream.retire()));
    },
    async close() {
      isClosed = true;
      clearTimeout(timer);
      await Promise.all(list.map(({ upstream }) => upstream.close()));
    },
  };
}

function isText({ body }: UpstreamRequest): boolean {
  return typeof body === 'string';
}

function isFixedHost(hostname: string): boolean {
  return isIP(hostname.replace(/^\[|\]$/g, '')) !== 0 || hostname === 'localhost';
}

/** Of one family: a host that has an address of each is one place, and often only one of them is reached. */
async function resolveHost(host: string): Promise<readonly Address[]> {
  const all = await dns.lookup(host, { all: true });
  const ofFour = all.filter(({ family }) => family === 4);
  return ofFour.length > 0 ? ofFour : all;
}

/** Connects to this address, under the name of its host: that is what a certificate is for. */
function lookupOf(at: Address): LookupFunction {
  return (_host, { all }, done) => {
    if (all) done(null, [at]);
    else done(null, at.address, at.family);
  };
}
