import { randomUUID } from 'node:crypto';
import { REQUEST_ID_HEADER } from '@taskgraph/contracts';

export interface GraphQLErrorBody {
  readonly message: string;
  readonly path?: ReadonlyArray<string | number>;
  readonly extensions?: { readonly code?: string; readonly reason?: string; readonly [name: string]: unknown };
}

export interface GraphQLBody<Data> {
  readonly data?: Data | null;
  readonly errors?: readonly GraphQLErrorBody[];
  readonly extensions?: Readonly<Record<string, unknown>>;
}

/** An answer, with what was asked, so that a failed expectation can show both. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a test states the shape it expects, or reads freely
export interface GraphQLResult<Data = any> {
  readonly status: number;
  readonly headers: Headers;
  /** The parsed body; the bare text where it is no JSON. */
  readonly body: GraphQLBody<Data>;
  readonly request: {
    readonly url: string;
    readonly query: string;
    readonly variables: unknown;
    readonly requestId: string;
  };
}

export interface GraphQLRequest {
  readonly query: string;
  readonly variables?: Readonly<Record<string, unknown>>;
  readonly operationName?: string;
  /** An access token, sent as a bearer. */
  readonly token?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** Posts an operation. `url` may be a server's, `/graphql` is added then. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- as in GraphQLResult
export async function postGraphQL<Data = any>(url: string, request: GraphQLRequest): Promise<GraphQLResult<Data>> {
  const { query, variables, operationName } = request;
  return send<Data>(url, request, JSON.stringify({ query, variables, operationName }), {
    'content-type': 'application/json',
  });
}

export interface UploadFile {
  readonly filename: string;
  readonly content: Uint8Array | Blob;
  /** What the client claims that it is. */
  readonly contentType: string;
}

export interface GraphQLUpload extends GraphQLRequest {
  /** By where each goes, such as `variables.file` or `variables.files.0`. */
  readonly files: Readonly<Record<string, UploadFile>>;
}

/** Posts an operation with files, after the GraphQL multipart request specification. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- as in GraphQLResult
export async function uploadGraphQL<Data = any>(url: string, request: GraphQLUpload): Promise<GraphQLResult<Data>> {
  const { query, operationName } = request;
  const files = Object.entries(request.files);
  const variables = structuredClone(request.variables ?? {}) as Record<string, unknown>;
  for (const [place] of files) setNull({ variables }, place.split('.'));
  const form = new FormData();
  form.set('operations', JSON.stringify({ query, variables, operationName }));
  form.set('map', JSON.stringify(Object.fromEntries(files.map(([place], index) => [String(index), [place]]))));
  files.forEach(([, { content, filename, contentType }], index) => {
    const blob = content instanceof Blob ? content : new Blob([content], { type: contentType });
    form.set(String(index), blob, filename);
  });
  // A multipart form is a "simple" request to browsers; servers ask for a header that makes it none.
  return send<Data>(url, request, form, { 'apollo-require-preflight': 'true' });
}

/** The specification wants null in the place of each file. */
function setNull(holder: unknown, steps: readonly string[]): void {
  let at = holder as Record<string, unknown>;
  for (const [index, step] of steps.entries()) {
    if (index === steps.length - 1) at[step] = null;
    else {
      at[step] ??= /^\d+$/.test(steps[index + 1] ?? '') ? [] : {};
      at = at[step] as Record<string, unknown>;
    }
  }
}

async function send<Data>(
  url: string,
  request: GraphQLRequest,
  body: string | FormData,
  contentHeaders: Record<string, string>,
): Promise<GraphQLResult<Data>> {
  const requestId = request.headers?.[REQUEST_ID_HEADER] ?? `test-${randomUUID()}`;
  const target = new URL(url);
  if (target.pathname === '/') target.pathname = '/graphql';
  const response = await fetch(target, {
    method: 'POST',
    body,
    headers: {
      accept: 'application/graphql-response+json, application/json;q=0.9',
      [REQUEST_ID_HEADER]: requestId,
      ...contentHeaders,
      ...(request.token !== undefined && { authorization: `Bearer ${request.token}` }),
      ...request.headers,
    },
    ...(request.signal && { signal: request.signal }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: parseBody<Data>(text),
    request: { url: target.href, query: request.query, variables: request.variables ?? null, requestId },
  };
}

function parseBody<Data>(text: string): GraphQLBody<Data> {
  try {
    return JSON.parse(text) as GraphQLBody<Data>;
  } catch {
    return text as unknown as GraphQLBody<Data>;
  }
}
