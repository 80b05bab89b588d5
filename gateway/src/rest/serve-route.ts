import type { IncomingMessage, ServerResponse } from 'node:http';
import accepts from 'accepts';
import vary from 'vary';
import {
  evaluatePreconditions,
  isOfType,
  readJsonBody,
  readPreconditions,
  sendBody,
  UnreadableBody,
  type Preconditions,
  type Target,
} from '@taskgraph/service-kit';
import type { OperationContext } from '@taskgraph/federation-engine/internal/request/context.js';
import type { ClientLimits } from '../admission/client-limits.js';
import type { ClientAddress } from '../identity/client-address.js';
import type { Accepted } from '../transports/http/accept.js';
import type { Answer, Arrival } from '../transports/http/answer.js';
import type { Reply } from '../transports/http/reply.js';
import { encodeFor } from '../transports/http/compression.js';
import type { RequestContexts } from '../transports/http/request-contexts.js';
import type { CompiledRoute } from './compile-route.js';
import type { Places } from './compile-query.js';
import { onlyVersion, tagOf } from './versions.js';
import { BAD_TAGS, Problem, problemOfError, problemOfRefusal, PROBLEM_TYPE } from './problem.js';
import type { SendFile } from './send-file.js';
import type { ReadForm } from './read-form.js';

export interface ServeRouteOptions {
  /** The gateway's own pipeline, which takes the façade's own documents. */
  readonly answer: Answer;
  readonly contexts: RequestContexts;
  readonly limits: Pick<ClientLimits, 'look' | 'received'>;
  readonly addressOf: ClientAddress;
  readonly maxBodyBytes: number;
  /** Whether answers are compressed for clients that take it. */
  readonly compression: boolean;
  readonly readForm: ReadForm;
  readonly sendFile: SendFile;
  /** A route by its operation. @throws Problem where the graph does not have it */
  readonly routeOf: (operation: string) => CompiledRoute;
}

type ServeRoute = (
  route: CompiledRoute,
  request: IncomingMessage,
  response: ServerResponse,
  target: Target,
) => Promise<void>;

const ACCEPTED: Accepted = {
  type: 'application/json; charset=utf-8',
  readsStatus: true,
  incremental: null,
  partsOnly: false,
  stream: null,
  eventsOnly: false,
};
const JSON_TYPES = ['application/json', PROBLEM_TYPE];
/** Of a body whose faults are all told. */
const SMALL_BYTES = 16_384;
/** How often a change is tried again that takes any version, or one of several. */
const MAX_TRIES = 3;

interface Asked {
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;
}

/** Creates what serves a request of a known route. It throws problems. */
export function createServeRoute(options: ServeRouteOptions): ServeRoute {
  const { answer, contexts, limits, addressOf } = options;

  /** Runs the operation of a route as if a client had sent it to `/graphql`. @throws Problem */
  async function ask(
    { document, project }: CompiledRoute,
    variables: Readonly<Record<string, unknown>>,
    context: OperationContext,
    place: Pick<Arrival, 'multipart' | 'bytes'> = { multipart: false },
  ): Promise<Asked> {
    const request = { query: document.text, operationName: document.name, variables, extensions: {} };
    const arrival = { method: 'POST', ...place, accepted: ACCEPTED, streams: null, showsPlan: null, context } as const;
    const reply = await answer(request, arrival);
    const { headers, errors } = reply;
    const data = reply.data() as Readonly<Record<string, unknown>> | null;
    try {
      const body = data ? project(data) : null;
      if (body !== null) return { body, headers };
    } catch (error) {
      if (error instanceof Problem) throw withHeaders(error, headers);
      throw error;
    }
    const [error = { message: 'There is no answer.' }] = errors;
    throw withHeaders(problemOfError(error, statusOf(reply)), headers);
  }

  async function readBody({ body }: CompiledRoute, request: IncomingMessage): Promise<Places> {
    if (!body) return [];
    const isPatch = request.method === 'PATCH';
    const takes = { headers: isPatch ? { 'accept-patch': ACCEPT_PATCH } : { accept: JSON_TYPE } };
    if (!isOfType(request, ...(isPatch ? [JSON_TYPE, MERGE_PATCH] : [JSON_TYPE])))
      throw new Problem(415, 'BAD_REQUEST', 'Send the request as application/json.', takes);
    try {
      const read = await readJsonBody(request, options.maxBodyBytes);
      return body.read(read, Number(request.headers['content-length'] ?? Infinity) <= SMALL_BYTES);
    } catch (error) {
      if (error instanceof UnreadableBody)
        throw new Problem(error.status, 'BAD_REQUEST', error.message, error.status === 415 ? takes : {});
      throw error;
    }
  }

  /** The version of the task as it is. @throws Problem */
  async function currentVersion(id: string, context: OperationContext): Promise<number> {
    const { body } = await ask(options.routeOf('Task'), { id }, context);
    return (body as { readonly version: number }).version;
  }

  /** Changes a task that is in a version which the request names. @throws Problem */
  async function change(
    compiled: CompiledRoute,
    places: Places,
    preconditions: Preconditions,
    id: string,
    context: OperationContext,
  ): Promise<Asked> {
    const { version: place = '' } = compiled.route;
    const { ifMatch, ifNoneMatch } = preconditions;
    if (ifMatch === null)
      throw new Problem(428, 'BAD_REQUEST', 'Send If-Match with the ETag of the task that the change is based on.');
    const only = ifNoneMatch === null ? onlyVersion(ifMatch) : null;
    if (only !== null) return ask(compiled, toVariables([...places, [place, only]]), context);
    for (let tried = 1; ; tried += 1) {
      const version = await currentVersion(id, context);
      assertHolds(preconditions, version, false);
      try {
        return await ask(compiled, toVariables([...places, [place, version]]), context);
      } catch (error) {
        const isOvertaken = error instanceof Problem && error.code === 'STALE_VERSION';
        if (!isOvertaken || tried === MAX_TRIES) throw error;
      }
    }
  }

  return async (compiled, request, response, { params }) => {
    const { route } = compiled;
    const tooMuch = limits.look(addressOf(request));
    if (tooMuch) throw withHeaders(problemOfRefusal(tooMuch), { connection: 'close' });
    if (!route.file && !accepts(request).types(JSON_TYPES))
      throw new Problem(406, 'BAD_REQUEST', 'The answer is application/json.');
    const { url = '' } = request;
    const at = url.indexOf('?');
    const fromQuery = compiled.query.read(at < 0 ? '' : url.slice(at + 1));
    const preconditions =
      route.isConditional || (isRead(route) && !route.file) ? readPreconditions(request.headers) : NONE;
    if (!preconditions) throw new Problem(400, 'BAD_REQUEST', BAD_TAGS);
    const fromPath = Object.entries(route.parameters ?? {}).map(
      ([name, place]) => [place, String(params[name])] as const,
    );
    const form = route.body === 'form' ? await options.readForm(request, response, compiled.body?.schema) : null;
    const fromBody = form ? form.places : await readBody(compiled, request);
    const places = [...fromBody, ...fromQuery, ...fromPath];
    const wish = contexts.wishOf(request);
    const context = contexts.atOnce(request, wish) ?? (await contexts.of(request, wish));
    if (form && form.place.bytes === undefined) {
      const { socket } = request;
      const before = socket.bytesRead;
      response.once('close', () => limits.received(socket.bytesRead - before, context));
    }
    const id = String(params['id']);
    let asked: Asked;
    try {
      if (route.version !== undefined) asked = await change(compiled, places, preconditions, id, context);
      else {
        const isRemoval = route.method === 'DELETE' && (preconditions.ifMatch ?? preconditions.ifNoneMatch) !== null;
        if (isRemoval) assertHolds(preconditions, await currentVersion(id, context), false);
        asked = await ask(compiled, toVariables(places), context, form?.place);
      }
    } finally {
      await contexts.settle(wish, response);
    }
    if (route.file) return options.sendFile(fileUrl(asked.body, route.file), request, response, asked.headers);
    await send(compiled, asked, preconditions, request, response, options.compression);
  };
}

/** Of a file, the media process looks at them, which knows it. */
const NONE: Preconditions = { ifMatch: null, ifNoneMatch: null, ifUnmodifiedSince: null, ifModifiedSince: null };
const JSON_TYPE = 'application/json';
/** RFC 7396: what is absent stays, null clears. */
const MERGE_PATCH = 'application/merge-patch+json';
export const ACCEPT_PATCH = `${JSON_TYPE}, ${MERGE_PATCH}`;

async function send(
  { route }: CompiledRoute,
  { body, headers: given }: Asked,
  preconditions: Preconditions,
  request: IncomingMessage,
  response: ServerResponse,
  compression: boolean,
): Promise<void> {
  if (response.destroyed) return;
  const { id, version } = body as { readonly id?: unknown; readonly version?: unknown };
  const etag = route.isTagged && typeof version === 'number' ? tagOf(version) : null;
  const { vary: varies, 'cache-control': cacheControl = 'no-store', ...others } = given;
  vary(response, ['authorization', 'cookie', varies ?? []].flat().join(', '));
  const next = route.list && nextPage(body, route.list, request);
  const headers: Record<string, string> = {
    ...others,
    // A cache that keeps it has to ask whether it still holds, in the name of the viewer.
    'cache-control':
      response.hasHeader('set-cookie') || route.method !== 'GET'
        ? 'no-store'
        : etag
          ? 'private, no-cache'
          : cacheControl,
    ...(etag !== null && { etag }),
    ...(next && { link: next }),
    ...(route.location !== undefined && { location: `/api${route.location}${String(id)}` }),
  };
  if (isRead(route)) {
    const outcome = evaluatePreconditions(preconditions, { etag, lastModified: null }, true);
    if (outcome === 412)
      throw etag === null
        ? new Problem(412, 'CONFLICT', 'What is here has no ETag, so it is in none of the states that If-Match names.')
        : new Problem(412, 'STALE_VERSION', STALE, { headers: { etag } });
    if (outcome === 304) return void response.writeHead(304, headers).end();
  }
  if (route.status === 204) return void response.writeHead(204, headers).end();
  const whole = { ...headers, 'content-type': ACCEPTED.type };
  const text = JSON.stringify(body);
  // A tag that `If-Match` takes is of these very bytes: they never go out in another coding.
  if (!compression || etag !== null) return sendBody(response, route.status, whole, text);
  vary(response, 'accept-encoding');
  const encoded = await encodeFor(request, text);
  if (!response.destroyed) sendBody(response, route.status, { ...whole, ...encoded.headers }, encoded.body);
}

function isRead({ method }: CompiledRoute['route']): boolean {
  return method === 'GET';
}

const STALE = 'The task is in another version.';

function assertHolds(preconditions: Preconditions, version: number, isSafe: boolean): void {
  const etag = tagOf(version);
  if (evaluatePreconditions(preconditions, { etag, lastModified: null }, isSafe) === 'go') return;
  throw new Problem(412, 'STALE_VERSION', STALE, { headers: { etag } });
}

/** RFC 8288: the same list, after what is on this page. */
function nextPage(body: unknown, list: readonly string[], { url: target = '' }: IncomingMessage): string | null {
  const page = list.reduce<unknown>((at, name) => (at as Record<string, unknown>)[name], body);
  const { pageInfo } = page as {
    readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
  };
  if (!pageInfo.hasNextPage || pageInfo.endCursor === null) return null;
  const url = new URL(target, 'http://gateway.invalid');
  url.searchParams.set('after', pageInfo.endCursor);
  return `<${url.pathname}${url.search}>; rel="next"`;
}

/** @throws Problem where there is no file yet, or none any more */
function fileUrl(body: unknown, path: readonly string[]): string {
  const url = path.reduce<unknown>((at, name) => (at as Record<string, unknown> | null)?.[name], body);
  if (typeof url === 'string') return url;
  const { status } = body as { readonly status?: unknown };
  if (status === 'FAILED') throw new Problem(404, 'NOT_FOUND', 'The file cannot be shown: its processing has failed.');
  throw new Problem(409, 'CONFLICT', 'The file is being processed.', { headers: { 'retry-after': '1' } });
}

/** Of what was refused its status, which may be another than its code's. */
function statusOf({ refusal, status }: Reply): number | null {
  return refusal && status !== 200 ? status : null;
}

function withHeaders({ status, code, message, more }: Problem, headers: Readonly<Record<string, string>>): Problem {
  const { 'cache-control': _kept, vary: _vary, ...others } = headers;
  return new Problem(status, code, message, { ...more, headers: { ...others, ...more.headers } });
}

function toVariables(places: Places): Readonly<Record<string, unknown>> {
  const variables: Record<string, unknown> = {};
  for (const [place, value] of places) {
    const steps = place.split('.');
    const last = steps.pop() as string;
    let at = variables;
    for (const step of steps) at = (at[step] ??= {}) as Record<string, unknown>;
    at[last] = value;
  }
  return variables;
}
