import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';

/** A parsed OpenAPI document, as far as it is read here. */
export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: object;
}

interface Operation {
  readonly operationId: string;
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: { readonly $ref?: string } }>> }>
  >;
}

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Buffer;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests read the members that they expect
  readonly body: any;
}

export interface Call {
  readonly token?: string;
  readonly json?: unknown;
  readonly body?: FormData | string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Calls routes, and holds each answer against what the document says of it. */
export interface DescribedApi {
  readonly document: OpenApi;
  call(route: string, call?: Call): Promise<Answered>;
  /** `GET /api/tasks/{id} 200` for every answer that has come. */
  readonly seen: ReadonlySet<string>;
}

export async function readDescribedApi(origin: string): Promise<DescribedApi> {
  const document = (await (await fetch(`${origin}/api/openapi.json`)).json()) as OpenApi;
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  formats.default(ajv);
  ajv.addSchema({ $id: 'api', components: document.components });
  const compiled = new Map<string, ValidateFunction>();
  const seen = new Set<string>();

  function validate(schema: object, value: unknown): void {
    const text = JSON.stringify(schema).replaceAll('"#/components/', '"api#/components/');
    const check = compiled.get(text) ?? ajv.compile(JSON.parse(text) as object);
    compiled.set(text, check);
    if (!check(value)) throw new Error(`${JSON.stringify(value)} is not as described: ${ajv.errorsText(check.errors)}`);
  }

  return {
    document,
    seen,
    async call(
      route,
      { token, json, body = json === undefined ? undefined : JSON.stringify(json), headers = {} } = {},
    ) {
      const [method = '', url = ''] = route.split(' ');
      const response = await fetch(`${origin}${url}`, {
        method,
        redirect: 'manual',
        headers: {
          ...(json !== undefined && { 'content-type': 'application/json' }),
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
          ...headers,
        },
        ...(body !== undefined && { body }),
      });
      const bytes = Buffer.from(await response.arrayBuffer());
      const type = response.headers.get('content-type')?.split(';')[0] ?? '';
      const parsed: unknown = /json$/.test(type) && bytes.length > 0 ? JSON.parse(bytes.toString()) : null;
      const found = operationOf(document, method, url);
      const { status } = response;
      if (found) {
        const described = found.operation.responses[status];
        if (!described)
          throw new Error(
            `${route} is answered with ${status}, which is not described: ${bytes.toString().slice(0, 500)}`,
          );
        const content = described.content?.[type] ?? described.content?.[type.replace(/\/.*/, '/*')];
        if (bytes.length > 0 && !content) throw new Error(`${route}: ${status} is not described as ${type}`);
        if (content && parsed !== null) validate(content.schema, parsed);
        seen.add(`${method} ${found.path} ${status}`);
      }
      return { status, headers: response.headers, bytes, body: parsed };
    },
  };
}

/** Of two paths that match, the one that says more. */
function operationOf(
  { paths }: OpenApi,
  method: string,
  url: string,
): { readonly path: string; readonly operation: Operation } | null {
  const steps = (url.split('?')[0] ?? '').split('/');
  const found = Object.keys(paths)
    .filter((path) => {
      const each = path.split('/');
      return each.length === steps.length && each.every((step, index) => step.startsWith('{') || step === steps[index]);
    })
    .sort((one, other) => one.split('{').length - other.split('{').length)[0];
  const operation = found === undefined ? undefined : paths[found]?.[method.toLowerCase()];
  return found !== undefined && operation ? { path: found, operation } : null;
}
