import { mutate, type Random } from './random.js';

/** One HTTP request as bytes. */
export interface HttpInput {
  readonly bytes: Buffer;
  /** Whether it is one whole request that ends, so that there has to be an answer. */
  readonly isWhole: boolean;
}

export interface WebSocketInput {
  readonly frames: ReadonlyArray<{ readonly kind: 'text' | 'binary' | 'ping' | 'raw'; readonly data: Buffer }>;
}

export interface Target {
  readonly host: string;
  /** The value of an Authorization header that is taken. */
  readonly authorization: string;
}

const DOCUMENTS = [
  '{ __typename }',
  '{ me { id email uploads(first: 2) { totalCount } } tasks(first: 3) { edges { node { title owner { displayName } } } } }',
  'query A($a: ID!) { media(id: $a) { id filename } } query B { __typename }',
  'mutation($file: Upload!, $altText: String) { uploadMedia(file: $file, altText: $altText) { __typename } }',
  'mutation($file: Upload!) { a: uploadMedia(file: $file) { __typename } b: uploadMedia(file: $file) { __typename } }',
  'subscription($a: ID!) { mediaProcessed(mediaId: $a) { id status } }',
  'subscription($x: Boolean = true, $a: ID!) { mediaProcessed(mediaId: $a) @skip(if: $x) { id } }',
  '{ ...F } fragment F on Query { ...F __typename }',
  'query($representations: [_Any!]!) { _entities(representations: $representations) { ... on Media { id } } }',
  '{ __schema { types { name fields { name } } } }',
  'query($x: Boolean!) { __typename ... @include(if: $x) { tasks(first: 2147483647) { edges { node { id } } } } }',
  `{ ${'a: __typename '.repeat(300)} }`,
  `{ ${'... { '.repeat(400)}__typename${' }'.repeat(400)} }`,
  `query(${'$a: Int '.repeat(3)}) { __typename }`,
  '',
];
const CONTENT_TYPES = [
  'application/json',
  'application/json; charset=utf-8',
  'application/json; charset=utf-16',
  'application/json; charset="',
  'application/graphql',
  'text/plain',
  'application/x-www-form-urlencoded',
  'multipart/form-data',
  'multipart/form-data; boundary=',
  '',
];
const ACCEPTS = [
  '*/*',
  'application/json',
  'application/graphql-response+json',
  'text/html',
  'text/event-stream',
  'multipart/mixed;subscriptionSpec="1.0", application/json',
  'multipart/mixed;deferSpec=20220824',
  'application/json;q=0',
  ';;,q=,',
];

/** A value of JSON, as text; some of it is none. */
function value(random: Random, depth = 0): string {
  const nested = '['.repeat(20_000);
  return random.pick<() => string>([
    () => 'null',
    () => String(random.below(100)),
    () => random.pick(['1e999', '-0', '9007199254740993', '0.1', 'NaN', 'true', 'undefined']),
    () => JSON.stringify(random.pick(['', 'x', '€'.repeat(200), '\0', '\ud800', '__proto__', 'Bearer a\r\nX: 1'])),
    () => (depth > 3 ? '[]' : `[${value(random, depth + 1)},${value(random, depth + 1)}]`),
    () => (depth > 3 ? '{}' : `{${member(random)}:${value(random, depth + 1)}}`),
    () => (random.chance(0.2) ? nested + nested.replaceAll('[', ']') : '{}'),
  ])();
}

const member = (random: Random) =>
  JSON.stringify(
    random.pick([
      'a',
      'x',
      'file',
      'representations',
      '__proto__',
      'constructor',
      '__typename',
      'persistedQuery',
      'lastEventId',
      '',
    ]),
  );

/** The JSON of one GraphQL request, near enough to a good one to get somewhere. */
function operation(random: Random): string {
  const members = [`"query":${JSON.stringify(random.pick(DOCUMENTS))}`];
  if (random.chance(0.6)) members.push(`"variables":{${member(random)}:${value(random)},"a":${value(random)}}`);
  if (random.chance(0.2)) members.push(`"operationName":${value(random)}`);
  if (random.chance(0.3)) members.push(`"extensions":{${member(random)}:${value(random)}}`);
  if (random.chance(0.1)) members.push(`"query":${value(random)}`);
  return `{${members.join(',')}}`;
}

function body(random: Random): string {
  if (random.chance(0.1)) return value(random);
  if (random.chance(0.2))
    return `[${Array.from({ length: random.below(12) }, () => (random.chance(0.8) ? operation(random) : value(random))).join(',')}]`;
  return operation(random);
}

interface Framing {
  readonly method?: string;
  readonly path?: string;
  readonly type?: string;
  readonly body?: Buffer;
}

function frame(
  random: Random,
  target: Target,
  { method = 'POST', path = '/graphql', type, body = Buffer.alloc(0) }: Framing,
): Buffer {
  const headers = [`host: ${target.host}`, 'connection: close', `content-length: ${body.length}`];
  if (type !== undefined) headers.push(`content-type: ${type}`);
  if (random.chance(0.6)) headers.push(`authorization: ${target.authorization}`);
  if (random.chance(0.05)) headers.push('authorization: Bearer \x80\xff');
  if (random.chance(0.7)) headers.push('apollo-require-preflight: 1');
  if (random.chance(0.4)) headers.push(`accept: ${random.pick(ACCEPTS)}`);
  if (random.chance(0.05)) headers.push(`content-encoding: ${random.pick(['gzip', 'br', 'identity', 'x'])}`);
  if (random.chance(0.05)) headers.push(`origin: ${random.pick(['null', 'https://evil.example', '\x80', 'http://'])}`);
  if (random.chance(0.05)) headers.push(`x-request-id: ${'x'.repeat(random.below(300))}`);
  if (random.chance(0.05)) headers.push(`last-event-id: ${random.pick(['', 'x', '0'.repeat(36)])}`);
  return Buffer.concat([Buffer.from(`${method} ${path} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`, 'latin1'), body]);
}

const whole = (bytes: Buffer): HttpInput => ({ bytes, isWhole: true });

function jsonInput(random: Random, target: Target): HttpInput {
  const text = Buffer.from(body(random));
  const type = random.chance(0.8) ? 'application/json' : random.pick(CONTENT_TYPES);
  return whole(frame(random, target, { type, body: random.chance(0.4) ? mutate(text, random) : text }));
}

function getInput(random: Random, target: Target): HttpInput {
  const parameters = ['query', 'variables', 'extensions', 'operationName']
    .filter((name) => name === 'query' || random.chance(0.4))
    .map(
      (name) =>
        `${name}=${encodeURIComponent(name === 'query' ? random.pick(DOCUMENTS) : value(random).slice(0, 2_000)).slice(0, 6_000)}`,
    );
  const path = `/graphql?${parameters.join('&')}${random.pick(['', '', '&query=', '&%', '&=', '&a[b]=1', '%00'])}`;
  return whole(frame(random, target, { method: random.pick(['GET', 'GET', 'GET', 'HEAD', 'PUT', 'OPTIONS']), path }));
}

function multipartInput(random: Random, target: Target): HttpInput {
  const names = random.pick([
    ['0'],
    ['0', '1'],
    ['a', 'b', 'c'],
    ['__proto__'],
    Array.from({ length: 12 }, (_, at) => String(at)),
  ]);
  const place = () =>
    random.pick([
      'variables.file',
      'variables.file',
      'variables.a',
      'variables.files.0',
      '0.variables.file',
      '',
      '__proto__.x',
    ]);
  const filename = () => random.pick(['a.png', 'a/', '.', '', '€', 'x'.repeat(5_000), '\\', 'x\0']);
  const parts = [
    `content-disposition: form-data; name="operations"\r\n\r\n${random.chance(0.7) ? JSON.stringify({ query: DOCUMENTS[3 + random.below(2)], variables: { file: null, files: [null] } }) : body(random)}`,
    `content-disposition: form-data; name="map"\r\n\r\n${random.chance(0.8) ? JSON.stringify(Object.fromEntries(names.map((name) => [name, [place()]]))) : value(random)}`,
    ...names
      .filter(() => random.chance(0.8))
      .map((name) => {
        const named = random.pick([
          `filename="${filename()}"`,
          `filename="${filename()}"`,
          "filename*=UTF-8''a%00b.png",
          'x=y',
        ]);
        const content = random.chance(0.5)
          ? 'x'.repeat(random.below(100_000))
          : random.bytes(random.below(200)).toString('latin1');
        return `content-disposition: form-data; name="${name}"; ${named}\r\ncontent-type: ${random.pick(['image/png', '', 'a/b; charset=x'])}\r\n\r\n${content}`;
      }),
  ];
  if (random.chance(0.3)) parts.reverse();
  const text = Buffer.from(`${parts.map((part) => `--b\r\n${part}\r\n`).join('')}--b--\r\n`, 'latin1');
  const content = random.chance(0.6) ? mutate(text, random) : text;
  return whole(frame(random, target, { type: 'multipart/form-data; boundary=b', body: content }));
}

function rawInput(random: Random, target: Target): HttpInput {
  const input = random.pick([jsonInput, getInput, multipartInput])(random, target);
  const bytes = random.chance(0.1) ? random.bytes(random.below(500)) : mutate(input.bytes, random);
  return { bytes, isWhole: false };
}

function streamInput(random: Random, target: Target): HttpInput {
  const variables = { a: random.pick(['x', '00000000-0000-7000-8000-000000000000', '€'.repeat(100)]) };
  const text = Buffer.from(JSON.stringify({ query: DOCUMENTS[5 + random.below(2)], variables }));
  const headers = `host: ${target.host}\r\nauthorization: ${target.authorization}\r\naccept: ${random.pick(['text/event-stream', 'multipart/mixed;subscriptionSpec="1.0"'])}`;
  const content = random.chance(0.4) ? mutate(text, random) : text;
  return {
    bytes: Buffer.concat([
      Buffer.from(
        `POST /graphql HTTP/1.1\r\n${headers}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${content.length}\r\n\r\n`,
      ),
      content,
    ]),
    isWhole: true,
  };
}

function message(random: Random, target: Target): Buffer {
  const id = random.pick(['1', '1', '2', '€'.repeat(128), '', 'x'.repeat(200)]);
  const text = random.pick<() => string>([
    () => '{"type":"connection_init"}',
    () => `{"type":"connection_init","payload":{"authorization":${JSON.stringify(target.authorization)}}}`,
    () => `{"type":"connection_init","payload":${value(random)}}`,
    () => '{"type":"connection_init","payload":{"authorization":"Bearer a\\r\\nX: 1"}}',
    () => `{"type":"ping","payload":{"a":${value(random)}}}`,
    () => `{"type":"ping","payload":{"a":${'['.repeat(5_000)}${']'.repeat(5_000)}}}`,
    () => `{"type":"pong","payload":${value(random)}}`,
    () => `{"type":"subscribe","id":${JSON.stringify(id)},"payload":${operation(random)}}`,
    () => `{"type":"subscribe","id":${JSON.stringify(id)},"payload":${operation(random)}}`,
    () => `{"type":"subscribe","id":${value(random)},"payload":${value(random)}}`,
    () => `{"type":"complete","id":${JSON.stringify(id)}}`,
    () => value(random),
  ])();
  return random.chance(0.2) ? mutate(Buffer.from(text), random) : Buffer.from(text);
}

/** Frames of one WebSocket connection. */
export function webSocketInput(random: Random, target: Target): WebSocketInput {
  const first = random.chance(0.7)
    ? [Buffer.from(`{"type":"connection_init","payload":{"authorization":${JSON.stringify(target.authorization)}}}`)]
    : [];
  const rest = Array.from({ length: 1 + random.below(6) }, () => message(random, target));
  return {
    frames: [...first, ...rest].map((data, index) => {
      const kind =
        index < first.length ? 'text' : random.pick(['text', 'text', 'text', 'text', 'binary', 'ping', 'raw'] as const);
      if (kind === 'ping') return { kind, data: random.bytes(random.below(126)) };
      return { kind, data: kind === 'raw' ? random.bytes(1 + random.below(40)) : data };
    }),
  };
}

const REST_PATHS = [
  '/api/tasks',
  '/api/tasks/00000000-0000-7000-8000-000000000000',
  '/api/tasks/x/media',
  '/api/media/upload',
  '/api/media/%00/download',
  '/api/auth/login',
  '/api/openapi.json',
  '/api/docs',
  '/api/%74asks',
  '/api//',
];

/** A form with a file as the REST façade takes it, whose parts need not say who they are. */
function formInput(random: Random, target: Target): HttpInput {
  const parameter = () =>
    random.pick(['name="file"', 'name="file"', 'name="altText"', 'name=""', 'name', 'filename="a.png"', '"', 'x=y']);
  const part = () => {
    const parameters = Array.from({ length: random.below(4) }, parameter);
    const lines = [
      random.chance(0.9) ? `content-disposition: ${['form-data', ...parameters].join('; ')}` : ': ',
      ...(random.chance(0.3) ? [`content-type: ${random.pick(['image/png', ';', ''])}`] : []),
    ];
    return `--b\r\n${lines.join('\r\n')}\r\n\r\n${random.bytes(random.below(100)).toString('latin1')}\r\n`;
  };
  const text = Buffer.from(`${Array.from({ length: random.below(4) }, part).join('')}--b--\r\n`, 'latin1');
  const body = random.chance(0.3) ? mutate(text, random) : text;
  return whole(frame(random, target, { path: '/api/media/upload', type: 'multipart/form-data; boundary=b', body }));
}

function restInput(random: Random, target: Target): HttpInput {
  if (random.chance(0.5)) return formInput(random, target);
  const method = random.pick(['GET', 'POST', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'PUT']);
  const path =
    random.pick(REST_PATHS) +
    random.pick(['', '', '?first=-1', '?after=%00', '?first=1&first=2', '?%', '?a[b]=c', '/']);
  const type = random.chance(0.7) ? 'application/json' : random.pick(CONTENT_TYPES);
  const text = Buffer.from(
    random.chance(0.5) ? `{${member(random)}:${value(random)},"title":${value(random)}}` : value(random),
  );
  return whole(frame(random, target, { method, path, type, body: random.chance(0.3) ? mutate(text, random) : text }));
}

/** Requests over HTTP, by what they are made of. */
export const HTTP_INPUTS = {
  'JSON and batches': jsonInput,
  'parameters of GET': getInput,
  'parts of a form': multipartInput,
  'REST and its form': restInput,
  'streams of events': streamInput,
  'raw bytes': rawInput,
} as const;
