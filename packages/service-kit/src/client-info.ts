import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { CLIENT_INFO_HEADER, OPAQUE_TOKEN_PATTERN, REQUEST_ID_HEADER } from '@taskgraph/contracts';
import { z } from 'zod';
import { toPlainAddress } from './ip-address.js';
import type { Log } from './log.js';
import { fromZero, type Metrics } from './metrics.js';
import { isLongerThan, toProgramName } from './text.js';

/** Where a request comes from, and from what program. */
export interface ClientInfo {
  readonly ipAddress: string | null;
  /** What the program calls itself to every server. */
  readonly userAgent: string | null;
  /** What the program calls itself to this one: the header `apollographql-client-name`. */
  readonly clientName: string | null;
  /** SHA-256, in base64url, of the cookie that a session opened by this request is to have; absent where the client takes tokens. */
  readonly sessionCookieHash?: string | undefined;
}

/** Signs facts about a client, for one request: what it returns is the value of `CLIENT_INFO_HEADER`. */
export type SignClientInfo = (info: ClientInfo, requestId: string) => string;

/** Why a header that tells of a client is not believed. */
const PROBLEMS = ['malformed', 'forged', 'other_request', 'out_of_date'] as const;
type ClientInfoProblem = (typeof PROBLEMS)[number];

type ClientInfoOutcome =
  | { readonly kind: 'accepted'; readonly info: ClientInfo }
  | { readonly kind: 'refused'; readonly problem: ClientInfoProblem };

/** Names of the client's own headers. */
export const CLIENT_NAME_HEADER = 'apollographql-client-name';
export const CLIENT_VERSION_HEADER = 'apollographql-client-version';
export const MAX_USER_AGENT_CHARACTERS = 512;
export const MAX_CLIENT_NAME_CHARACTERS = 100;
const MAX_HEADER_CHARACTERS = 4_096;
/** How long a header is good, which is signed before its request waits for a place and is sent; clocks of two machines differ as well. */
const MAX_AGE_MS = 5 * 60_000;
const VERSION = 'v1';

const payloadSchema = z.object({
  at: z.number().int(),
  requestId: z.string(),
  ipAddress: z.string().max(45).nullable(),
  userAgent: textOfAtMost(MAX_USER_AGENT_CHARACTERS).nullable(),
  clientName: textOfAtMost(MAX_CLIENT_NAME_CHARACTERS).nullable(),
  sessionCookieHash: z.string().regex(OPAQUE_TOKEN_PATTERN).optional(),
});

function textOfAtMost(maxCharacters: number) {
  return z.string().refine((text) => !isLongerThan(text, maxCharacters));
}

/** Reads what a client says of itself, in headers or in what stands for them: cleaned, and bounded. */
export function readClientInfo(headers: IncomingHttpHeaders, ipAddress: string | null): ClientInfo {
  return {
    ipAddress,
    userAgent: readName(headers['user-agent'], MAX_USER_AGENT_CHARACTERS),
    clientName: readName(headers[CLIENT_NAME_HEADER], MAX_CLIENT_NAME_CHARACTERS),
  };
}

function readName(header: string | string[] | undefined, maxCharacters: number): string | null {
  const text = [header].flat()[0];
  return text === undefined ? null : toProgramName(text, maxCharacters);
}

/**
 * Creates what signs facts about a client with HMAC-SHA-256 (RFC 2104). A signature is for one request, by its id, and good for
 * minutes: a header that somebody has seen is of no use with another request.
 */
export function createClientInfoSigner(secret: string, now: () => number = Date.now): SignClientInfo {
  return (info, requestId) => {
    const { ipAddress, userAgent, clientName, sessionCookieHash } = info;
    const facts = { at: now(), requestId, ipAddress, userAgent, clientName, sessionCookieHash };
    const payload = Buffer.from(JSON.stringify(facts)).toString('base64url');
    return `${VERSION}.${payload}.${macOf(secret, payload).toString('base64url')}`;
  };
}

/**
 * Creates what tells whether a header was signed by a holder of a secret; the order of the secrets does not count.
 *
 * @param secrets the present one and, while it is being replaced, the one before
 */
export function createClientInfoVerifier(
  secrets: readonly string[],
  now: () => number = Date.now,
): (header: string, requestId: string) => ClientInfoOutcome {
  const refused = (problem: ClientInfoProblem): ClientInfoOutcome => ({ kind: 'refused', problem });
  return (header, requestId) => {
    const [version, text = '', signature = '', ...rest] = header.split('.');
    if (header.length > MAX_HEADER_CHARACTERS || version !== VERSION || rest.length > 0) return refused('malformed');
    const given = Buffer.from(signature, 'base64url');
    const isSigned = secrets.some((secret) => {
      const mac = macOf(secret, text);
      return mac.length === given.length && timingSafeEqual(mac, given);
    });
    if (!isSigned) return refused('forged');
    const payload = payloadSchema.safeParse(parse(text));
    if (!payload.success) return refused('malformed');
    const { at, requestId: of, ...info } = payload.data;
    if (of !== requestId) return refused('other_request');
    if (Math.abs(now() - at) > MAX_AGE_MS) return refused('out_of_date');
    return { kind: 'accepted', info };
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString());
  } catch {
    return null;
  }
}

/** Its own purpose is a part of what is signed, so that no other use of a secret makes a signature that fits. */
function macOf(secret: string, payload: string): Buffer {
  return createHmac('sha256', secret).update(`taskgraph client info ${VERSION}\n${payload}`).digest();
}

/**
 * Creates what tells a subgraph which client asks. A header of the gateway is believed, any other is counted and ignored: a client
 * of the subgraph's own port has the address that its connection comes from.
 */
export function createClientInfoReader({
  secrets,
  metrics,
}: {
  readonly secrets: readonly string[];
  readonly metrics: Metrics;
}): (request: IncomingMessage, facts: { readonly log: Log }) => ClientInfo {
  const verify = createClientInfoVerifier(secrets);
  const refusals = metrics.counter(
    'taskgraph_client_info_refused_total',
    'Headers saying who asks that were not signed by a gateway, or not for this request, and were ignored.',
    ['reason'],
  );
  fromZero(refusals, 'reason', PROBLEMS);
  return (request, { log }) => {
    const header = request.headers[CLIENT_INFO_HEADER];
    if (header !== undefined) {
      // The signature names the id that came with the request, not one that was given to it for want of that.
      const outcome = verify(String(header), String(request.headers[REQUEST_ID_HEADER] ?? ''));
      if (outcome.kind === 'accepted') return outcome.info;
      refusals.inc({ reason: outcome.problem });
      log.warn(
        { reason: outcome.problem, address: request.socket.remoteAddress },
        'a header that says who asks is not of a gateway: it is ignored',
      );
    }
    return readClientInfo(request.headers, toPlainAddress(request.socket.remoteAddress ?? ''));
  };
}
