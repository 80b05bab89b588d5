import type { GraphQLRequest } from './graphql-client.js';

/** One part of an answer that comes in parts: the first has `data`, later ones `incremental`. */
export interface AnswerPart {
  readonly data?: Readonly<Record<string, unknown>>;
  readonly incremental?: ReadonlyArray<Readonly<Record<string, unknown>>>;
  readonly hasNext: boolean;
}

const DELIMITER = '\r\n---';

/**
 * Posts an operation and yields the parts of its answer as they come (`multipart/mixed; deferSpec=20220824`, or the newer form).
 *
 * @throws when the answer is of another type, or ends without its last delimiter
 */
export async function* postIncremental(
  url: string,
  request: GraphQLRequest,
  format: 'deferSpec=20220824' | 'incrementalSpec=v0.2' = 'deferSpec=20220824',
): AsyncGenerator<AnswerPart> {
  const { query, variables, operationName, token } = request;
  const target = new URL(url);
  if (target.pathname === '/') target.pathname = '/graphql';
  const response = await fetch(target, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: `multipart/mixed;${format}, application/json`,
      connection: 'close',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...request.headers,
    },
    body: JSON.stringify({ query, variables, operationName }),
  });
  const type = response.headers.get('content-type');
  if (type !== `multipart/mixed; boundary="-"; ${format}`)
    throw new Error(`the answer is of type ${String(type)}: ${await response.text()}`);
  let text = '';
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    text += Buffer.from(chunk).toString();
    for (let end = text.indexOf(DELIMITER, 1); end > 0; end = text.indexOf(DELIMITER, 1)) {
      yield JSON.parse(text.slice(text.indexOf('{'), end)) as AnswerPart;
      text = text.slice(end);
    }
  }
  if (text !== `${DELIMITER}--\r\n`) throw new Error(`the answer ends with ${JSON.stringify(text)}`);
}
