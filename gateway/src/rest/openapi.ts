import type { CompiledRoute } from './compile-route.js';
import type { JsonSchema } from './json-schema.js';

export interface OpenApiOptions {
  readonly version: string;
  /** Whether browsers may have their sessions in cookies; the name of the cookie then. */
  readonly cookieName: string | null;
}

type Json = Readonly<Record<string, unknown>>;

const JSON_TYPE = 'application/json';
const PROBLEM_TYPE = 'application/problem+json';

/** Statuses that any route may be answered with, and what they say. */
const DESCRIPTIONS: Readonly<Record<number, string>> = {
  302: 'The file is in a storage that serves it itself.',
  304: 'What you have is still the same.',
  400: 'The request is not as this route takes it.',
  401: 'Nobody is signed in, or what was sent to sign in is not good.',
  403: 'You may not do this.',
  404: 'There is no such thing, or none that you may see.',
  406: 'The answer is of no type that you accept.',
  408: 'The request did not arrive in time.',
  409: 'The request contradicts the present state.',
  412: 'It is in another version than the request says.',
  413: 'It is too large.',
  415: 'The body is of a type that is not taken.',
  416: 'The file does not have these bytes.',
  417: 'What `Expect` says is not known here.',
  421: 'The server is not asked by this name: it is not in `ALLOWED_HOSTS`.',
  422: 'The request is understood and cannot be served.',
  423: 'It is paused: `Retry-After` says for how long.',
  428: 'The request has to say which version it is based on.',
  429: 'Too many requests: `Retry-After` says when to come again.',
  431: 'The headers are too large.',
  500: 'A defect on our side.',
  503: 'A service that the answer needs cannot be reached.',
  504: 'The answer did not arrive within the time allowed.',
};

const header = (description: string, schema: JsonSchema = { type: 'string' }): Json => ({ description, schema });
const HEADERS = {
  requestId: header('Finds the request in the logs.'),
  retryAfter: header('Seconds.', { type: 'integer' }),
  rateLimit: header('How your use stands with the limits that it counts for (draft-ietf-httpapi-ratelimit-headers).'),
  rateLimitPolicy: header('The limits.'),
  etag: header('The version, for `If-Match` and `If-None-Match`.'),
  link: header('`rel="next"`: the next page (RFC 8288).'),
  location: header('Where it can be read.'),
  challenge: header('How to sign in (RFC 6750).'),
};
const ref = (kind: string, name: string): Json => ({ $ref: `#/components/${kind}/${name}` });

const PROBLEM: JsonSchema = {
  type: 'object',
  description: 'A request that is not served (RFC 9457). Further members tell more about some of them.',
  properties: {
    type: { type: 'string', format: 'uri', description: 'What kind of problem it is; one for each code.' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string', description: 'What is wrong this time, for people.' },
    code: { type: 'string', description: 'The same as the code of the error in GraphQL.' },
    requestId: {
      type: 'string',
      description: 'Finds the request in the logs; absent where it is refused before its path is looked at.',
    },
    reason: { type: 'string', description: 'What is behind the code, where more than one thing may be.' },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          in: { type: 'string', enum: ['body', 'query', 'header'] },
          at: { type: 'string', description: 'A JSON Pointer into the body, or the name of a parameter.' },
          detail: { type: 'string' },
        },
        required: ['in', 'at', 'detail'],
        additionalProperties: false,
      },
    },
  },
  required: ['type', 'title', 'status', 'detail', 'code'],
};

/** Describes what these routes serve (OpenAPI 3.1). */
export function describeRoutes(routes: readonly CompiledRoute[], { version, cookieName }: OpenApiOptions): Json {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const compiled of routes) {
    const { route } = compiled;
    const path = `/api${route.path.replace(/:(\w+)/g, '{$1}')}`;
    const described = describe(compiled, cookieName !== null);
    const item = (paths[path] ??= {});
    item[route.method.toLowerCase()] = described;
    if (route.method === 'GET')
      item['head'] = {
        ...described,
        operationId: `head${compiled.document.name}`,
        summary: `${route.summary} Its head alone.`,
      };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Taskgraph',
      version,
      summary: 'Tasks, and the media that are attached to them.',
      description:
        'A façade of the graph at `/graphql`: each route is one operation of it, under the same rules. What is wrong is told as a problem (RFC 9457) with the code that the error has there.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    tags: [
      { name: 'auth', description: 'Accounts and sessions.' },
      { name: 'tasks', description: 'Things to do.' },
      { name: 'media', description: 'Images, and their files.' },
    ],
    security: cookieName === null ? [{ token: [] }] : [{ token: [] }, { cookie: [] }],
    paths,
    components: {
      schemas: {
        Problem: PROBLEM,
        ...Object.fromEntries(routes.flatMap(schemasOf)),
      },
      headers: HEADERS,
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'The access token of a session.' },
        ...(cookieName !== null && {
          cookie: { type: 'apiKey', in: 'cookie', name: cookieName, description: 'The session of a browser.' },
        }),
      },
    },
  };
}

function schemasOf({
  route,
  document,
  body,
  answer,
  problems,
}: CompiledRoute): ReadonlyArray<readonly [string, unknown]> {
  return [
    ...(body ? [[`${document.name}Body`, body.schema] as const] : []),
    ...(route.file || route.status === 204 ? [] : [[`${document.name}Answer`, answer] as const]),
    ...problems.map(
      ({ code, status, members }) => [nameOfProblem(code), problemSchema(code, status, members)] as const,
    ),
  ];
}

function nameOfProblem(code: string): string {
  const words = code.toLowerCase().split('_');
  return `${words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('')}Problem`;
}

function problemSchema(
  code: string,
  status: number,
  { properties = {}, required = [], description }: JsonSchema,
): Json {
  const { message: _message, ...members } = properties;
  return {
    ...(description && { description }),
    allOf: [
      ref('schemas', 'Problem'),
      {
        type: 'object',
        properties: { ...members, code: { type: 'string', const: code }, status: { type: 'integer', const: status } },
        required: ['code', ...required.filter((name) => name !== 'message')],
      },
    ],
  };
}

function describe(compiled: CompiledRoute, hasCookies: boolean): Json {
  const { route, document, query, body, problems } = compiled;
  const isRead = route.method === 'GET';
  const faults = new Set(
    [400, 401, 403, 404, 406, 408, 413, 415, 417, 421, 429, 431, 500, 503, 504].filter((status) =>
      applies(route, status),
    ),
  );
  if (route.isConditional || isRead) faults.add(412);
  if (route.version !== undefined) faults.add(428);
  if (route.method === 'POST' || route.method === 'PATCH') faults.add(409);
  if (route.file) for (const status of [409, 416]) faults.add(status);
  for (const { status } of problems) faults.add(status);
  return {
    operationId: document.name.charAt(0).toLowerCase() + document.name.slice(1),
    summary: route.summary,
    description: `Runs the operation \`${document.name}\`.`,
    tags: [route.tag],
    ...(route.isPublic && { security: [{}] }),
    parameters: [
      ...Object.keys(route.parameters ?? {}).map((name) => ({
        name,
        in: 'path',
        required: true,
        schema: { type: 'string' },
      })),
      ...query.parameters.map(({ name, description, schema }) => ({
        name,
        in: 'query',
        description,
        ...(schema.type === 'array' && { style: 'form', explode: true }),
        schema,
      })),
      ...headersOf(compiled, hasCookies),
    ],
    ...(body && {
      requestBody: {
        required: true,
        content: Object.fromEntries(
          typesOf(compiled).map((type) => [type, { schema: ref('schemas', `${document.name}Body`) }]),
        ),
      },
    }),
    responses: {
      ...successes(compiled),
      ...(isRead && { 304: { description: DESCRIPTIONS[304], headers: headersOfAnswer() } }),
      ...Object.fromEntries([...faults].sort().map((status) => [status, describeProblem(status, compiled)])),
    },
  };
}

function applies({ body, file }: CompiledRoute['route'], status: number): boolean {
  if (status === 415 || status === 413) return body !== undefined;
  return status !== 406 || !file;
}

function typesOf({ route }: CompiledRoute): string[] {
  if (route.body === 'form') return ['multipart/form-data'];
  return route.method === 'PATCH' ? [JSON_TYPE, 'application/merge-patch+json'] : [JSON_TYPE];
}

function headersOf({ route }: CompiledRoute, hasCookies: boolean): Json[] {
  const of = (name: string, description: string, required = false) => ({
    name,
    in: 'header',
    description,
    ...(required && { required }),
    schema: { type: 'string' },
  });
  const found: Json[] = [];
  if (route.isConditional || (route.method === 'GET' && !route.file)) {
    found.push(
      of('If-Match', 'ETags of the versions that the request is meant for, or `*`.', route.version !== undefined),
    );
    found.push(of('If-None-Match', 'ETags of the versions that the request is not meant for, or `*`.'));
  }
  if (route.file) {
    found.push(of('Range', 'The bytes that are wanted.'), of('If-None-Match', 'ETags of files that you have.'));
    found.push(of('If-Range', 'The ETag of the file that the bytes are wanted of.'));
    found.push(of('If-Match', 'ETags of files that the request is meant for, or `*`.'));
    found.push(of('If-Unmodified-Since', 'When the file that the request is meant for was the present one.'));
    found.push(of('If-Modified-Since', 'When the file that you have was the present one.'));
  }
  if (route.method === 'POST' && !route.isPublic)
    found.push(of('Idempotency-Key', 'Chosen by you: the same request with the same key is done once.'));
  if (hasCookies && route.tag === 'auth' && route.method === 'POST')
    found.push(of('taskgraph-session', '`cookie` for a session in a cookie, in the place of tokens.'));
  return found;
}

function headersOfAnswer(more: Readonly<Record<string, keyof typeof HEADERS>> = {}): Json {
  const all = { 'X-Request-Id': 'requestId', RateLimit: 'rateLimit', 'RateLimit-Policy': 'rateLimitPolicy', ...more };
  return Object.fromEntries(Object.entries(all).map(([name, known]) => [name, ref('headers', known)]));
}

function successes({ route, document }: CompiledRoute): Json {
  if (route.file) {
    const bytes = {
      content: { 'image/*': { schema: { type: 'string', format: 'binary' } } },
      headers: headersOfAnswer({ ETag: 'etag' }),
    };
    return {
      200: { description: 'The file.', ...bytes },
      206: { description: 'The bytes that are asked for.', ...bytes },
      302: { description: DESCRIPTIONS[302], headers: headersOfAnswer({ Location: 'location' }) },
    };
  }
  const headers = headersOfAnswer({
    ...(route.isTagged && { ETag: 'etag' }),
    ...(route.list && { Link: 'link' }),
    ...(route.location !== undefined && { Location: 'location' }),
  });
  const content = { [JSON_TYPE]: { schema: ref('schemas', `${document.name}Answer`) } };
  return {
    [route.status]:
      route.status === 204
        ? { description: 'It is done.', headers }
        : { description: route.status === 201 ? 'It is made.' : 'The answer.', headers, content },
  };
}

function describeProblem(status: number, { problems }: CompiledRoute): Json {
  const own = problems
    .filter((problem) => problem.status === status)
    .map(({ code }) => ref('schemas', nameOfProblem(code)));
  // What is told in common has no further members.
  const all = [...own, ref('schemas', 'Problem')];
  return {
    description: DESCRIPTIONS[status] ?? 'It is not served.',
    headers: headersOfAnswer({
      ...([423, 429, 503].includes(status) && { 'Retry-After': 'retryAfter' as const }),
      ...(status === 401 && { 'WWW-Authenticate': 'challenge' as const }),
    }),
    content: { [PROBLEM_TYPE]: { schema: all.length === 1 ? all[0] : { anyOf: all } } },
  };
}
