import { Fault } from '../request/fault.js';
import { CircuitOpenError, type Verdict } from './circuit.js';

/** The connection is not there, or no longer: what was asked may be asked again. */
const CONNECTION_FAILURES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'UND_ERR_SOCKET',
  'UND_ERR_CONNECT_TIMEOUT',
]);
/** Nobody is there, whatever is asked. */
const UNREACHABLE = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);
/** The request could not even be sent, or was given up on this side. */
const OWN_FAULTS = new Set([
  'UND_ERR_INVALID_ARG',
  'UND_ERR_NOT_SUPPORTED',
  'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH',
  'UND_ERR_ABORTED',
  'UND_ERR_CLOSED',
  'UND_ERR_DESTROYED',
  'ERR_INVALID_CHAR',
  'ERR_INVALID_ARG_TYPE',
]);
const TIMEOUTS = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT']);

/** The service answered, but not with what a GraphQL service answers. */
export class BadResponse extends Error {
  constructor(
    readonly status: number,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  /** RFC 9110, 15.5: statuses from 400 to 499 are about the request. */
  get isAboutTheService(): boolean {
    return this.status < 400 || this.status >= 500;
  }
}

/**
 * Says what an error means for the health of the service. Most of what goes wrong may be the doing of one client: a request that
 * takes too long, one that its server, or a proxy before it, refuses by closing the connection.
 */
export function judge(error: unknown, isText: boolean): Verdict {
  if (error instanceof BadResponse) {
    if (!error.isAboutTheService) return 'none';
    // 504 (RFC 9110, 15.6.5) is a proxy's way to tell of a time-out.
    return isText && error.status >= 500 && error.status !== 504 ? 'failure' : 'suspect';
  }
  const { code, name } = facts(error);
  if (code !== undefined && UNREACHABLE.has(code)) return 'failure';
  return name === 'TimeoutError' || isOfTheConnection(error, code) ? 'suspect' : 'none';
}

/** Errors of the connection have codes; those of a stream that is sent, and of this side, have not. */
function isOfTheConnection(error: unknown, code: string | undefined): boolean {
  return code !== undefined && !OWN_FAULTS.has(code) && !(error instanceof Fault);
}

/** Why a call was no success, as a metric tells: CALLER where it ended on this side. */
export function verdictReason(error: unknown): string {
  if (error instanceof BadResponse) return 'BAD_RESPONSE';
  const { code, name } = facts(error);
  if (name === 'TimeoutError') return 'TIMEOUT';
  return isOfTheConnection(error, code) ? 'CONNECTION' : 'CALLER';
}

/** Why no usable answer came, as a client is told. */
export function failureReason(error: unknown): string {
  if (error instanceof BadResponse) return 'BAD_RESPONSE';
  if (error instanceof CircuitOpenError) return 'CIRCUIT_OPEN';
  const { code, name } = facts(error);
  return name === 'TimeoutError' || (code !== undefined && TIMEOUTS.has(code)) ? 'TIMEOUT' : 'CONNECTION';
}

/** RFC 9110, 15.6.3 and 15.6.4: a balancer could not reach the service, or knows none that is ready. */
const OF_A_BALANCER: ReadonlySet<number> = new Set([502, 503]);

/** Whether what may be sent twice may be sent again: the connection failed, or a balancer before the service found nobody behind it. */
export function mayBeAskedAgain(error: unknown): boolean {
  if (error instanceof BadResponse) return OF_A_BALANCER.has(error.status);
  const { code } = facts(error);
  return !(error instanceof Fault) && code !== undefined && CONNECTION_FAILURES.has(code);
}

/** Errors of the platform are told by their members: those of another realm are no instances of ours. */
function facts(error: unknown): { readonly code: string | undefined; readonly name: string } {
  const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown };
  return { code: typeof code === 'string' ? code : undefined, name: String(name) };
}
