import { OperationTypeNode } from 'graphql';
import { networkOf, rateLimitHeaders, type Rate, type RateLimits, type Standing } from '@taskgraph/service-kit';
import type { OperationContext } from '@taskgraph/federation-engine/internal/request/context.js';
import { Refusal } from '@taskgraph/federation-engine/internal/request/refusal.js';

/** How much clients may ask for, by limit; null for as much as they like. */
interface ClientRates {
  /** Operations of everybody at one address. */
  readonly address: Rate | null;
  /** Of those, without a token that was accepted. */
  readonly anonymous: Rate | null;
  /** Fields of mutations of one user. */
  readonly mutations: Rate | null;
  /** Files of one user. */
  readonly uploads: Rate | null;
  readonly uploadBytes: Rate | null;
  /** Estimated cost of the operations of one user, or of everybody at one address without a token. */
  readonly cost: Rate | null;
}

export interface ClientLimitsOptions {
  readonly rates: ClientRates;
  readonly limits: RateLimits;
  /** Clients at these addresses are not limited. */
  readonly isExempt: (address: string) => boolean;
}

/** What an operation asks for. */
export interface Demand {
  readonly type: OperationTypeNode;
  /** Fields at the root. */
  readonly rootFields: number;
  /** Null where costs are not estimated. */
  readonly cost: number | null;
  readonly files: number;
  /** Of a request with files. */
  readonly bytes: number;
}

/** Limits of what one client may ask for in a time. A client over one is told when to come again. */
export interface ClientLimits {
  /** What is known before anything is read of a request; counts nothing. Null when it may go on. */
  look(address: string): Refusal | null;
  /**
   * Counts an operation for the address that it comes from. Returns how that stands, for {@link ClientLimits.headers}.
   *
   * @throws Refusal RATE_LIMITED
   */
  arrive(context: OperationContext): Standing[];
  /** Counts what it asks for, for its user, or else its cost for its address; adds how that stands. @throws Refusal RATE_LIMITED */
  admit(demand: Demand, context: OperationContext, standings: Standing[]): void;
  /** Counts bytes of files that nobody had announced, when they have come. */
  received(bytes: number, context: Pick<OperationContext, 'identity' | 'address'>): void;
  /** What a client is told of it (draft-ietf-httpapi-ratelimit-headers). */
  headers(standings: readonly Standing[]): Readonly<Record<string, string>>;
}

const NOTHING: Readonly<Record<string, string>> = {};

/** Creates the limits of clients, in this process at once and with other processes some moments later. */
export function createClientLimits({ rates, limits, isExempt }: ClientLimitsOptions): ClientLimits {
  const address = limits.create('address', rates.address);
  const anonymous = limits.create('anonymous', rates.anonymous);
  const mutations = limits.create('mutations', rates.mutations);
  const uploads = limits.create('uploads', rates.uploads);
  const uploadBytes = limits.create('upload-bytes', rates.uploadBytes);
  const cost = limits.create('cost', rates.cost);

  function note(standings: Standing[], standing: Standing | undefined, context: Pick<OperationContext, 'log'>): void {
    if (!standing) return;
    standings.push(standing);
    if (!standing.isOver) return;
    limits.refused(standing.limit, context.log);
    throw tooMuch(standing, standings);
  }

  return {
    look(at) {
      if (!address || isExempt(at)) return null;
      const standing = address.look(networkOf(at));
      if (standing.remaining > 0) return null;
      limits.refused(standing.limit);
      return tooMuch(standing, [standing]);
    },
    arrive(context) {
      const standings: Standing[] = [];
      const at = context.address ?? '';
      if (isExempt(at)) return standings;
      const network = networkOf(at);
      note(standings, address?.count(network), context);
      const { kind } = context.identity;
      if (kind === 'absent' || kind === 'refused') note(standings, anonymous?.count(network), context);
      return standings;
    },
    admit(demand, context, standings) {
      const at = context.address ?? '';
      if (isExempt(at)) return;
      const { identity } = context;
      const user = identity.kind === 'accepted' ? identity.viewer.userId : null;
      if (demand.cost !== null && demand.cost > 0)
        note(standings, cost?.count(user ?? networkOf(at), Math.ceil(demand.cost)), context);
      if (user === null || demand.type !== OperationTypeNode.MUTATION) return;
      note(standings, mutations?.count(user, demand.rootFields), context);
      if (demand.files === 0) return;
      note(standings, uploads?.count(user, demand.files), context);
      note(standings, uploadBytes?.count(user, demand.bytes), context);
    },
    received(bytes, { identity, address: at = '' }) {
      if (identity.kind === 'accepted' && !isExempt(at)) uploadBytes?.count(identity.viewer.userId, bytes);
    },
    headers: (standings) => (standings.length === 0 ? NOTHING : rateLimitHeaders(standings)),
  };
}

const WHAT: Readonly<Record<string, string>> = {
  address: 'operations from this address',
  anonymous: 'operations from this address without an access token',
  mutations: 'mutations',
  uploads: 'uploads',
  'upload-bytes': 'bytes of uploads',
  cost: 'operations that cost this much',
};

function tooMuch(standing: Standing, standings: readonly Standing[]): Refusal {
  const { limit, resetSeconds } = standing;
  const message = `There were too many ${WHAT[limit]}. Try again in ${resetSeconds} s.`;
  const reason = `${limit.toUpperCase().replaceAll('-', '_')}_QUOTA`;
  const extensions = { code: 'RATE_LIMITED', reason, retryAfter: resetSeconds };
  return new Refusal('RATE_LIMITED', [{ message, extensions }], {
    headers: { 'retry-after': String(resetSeconds), ...rateLimitHeaders(standings) },
    // The status 429 means the same to every client (RFC 6585, section 4).
    ofTransport: true,
  });
}
