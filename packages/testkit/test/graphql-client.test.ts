import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectData, expectErrorCode, expectTypename, postGraphQL, uploadGraphQL } from '@taskgraph/testkit';
import { addLogSource } from '../src/request-logs.js';

/** Answers with what it was asked, or with the body that the variable `answer` holds. */
const server = createServer((request, response) => {
  void readBody(request).then((text) => {
    const parsed =
      request.headers['content-type'] === 'application/json'
        ? (JSON.parse(text) as { variables?: { answer?: unknown } })
        : null;
    const answer = parsed?.variables?.answer ?? { data: { url: request.url, headers: request.headers, text } };
    response
      .writeHead(200, { 'content-type': 'application/json', connection: 'close' })
      .end(typeof answer === 'string' ? answer : JSON.stringify(answer));
  });
});
let url: string;
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('latin1');
}

const answering = (answer: unknown) => postGraphQL(url, { query: 'query Q { q }', variables: { answer } });

describe('postGraphQL', () => {
  it('posts to /graphql with token and request id', async () => {
    const result = await postGraphQL(url, {
      query: '{ a }',
      variables: { b: 1 },
      token: 'abc',
      headers: { 'x-extra': 'y' },
    });
    const { url: path, headers, text } = expectData(result);
    expect(path).toBe('/graphql');
    expect(headers).toMatchObject({
      authorization: 'Bearer abc',
      'x-extra': 'y',
      'x-request-id': result.request.requestId,
    });
    expect(JSON.parse(text)).toEqual({ query: '{ a }', variables: { b: 1 } });
  });
});

describe('uploadGraphQL', () => {
  it('sends operations, map and files in the order of the multipart request specification', async () => {
    const content = Buffer.from([0x00, 0xff, 0x0d, 0x0a]);
    const file = { filename: 'a.bin', content, contentType: 'image/png' };
    const result = await uploadGraphQL(url, {
      query: 'mutation M',
      variables: { input: { alt: 'x' } },
      files: { 'variables.input.file': file, 'variables.more.0': file },
    });
    const { headers, text } = expectData(result);
    expect(headers).toMatchObject({
      'apollo-require-preflight': 'true',
      'content-type': expect.stringMatching(/^multipart\/form-data; boundary=/),
    });
    const names = [...text.matchAll(/; name="([^"]+)"/g)].map((match) => match[1]);
    expect(names).toEqual(['operations', 'map', '0', '1']);
    expect(text).toContain('{"query":"mutation M","variables":{"input":{"alt":"x","file":null},"more":[null]}}');
    expect(text).toContain('{"0":["variables.input.file"],"1":["variables.more.0"]}');
    expect(text).toContain(`filename="a.bin"\r\nContent-Type: image/png\r\n\r\n${content.toString('latin1')}\r\n`);
  });
});

describe('expectations', () => {
  it('give back what they expect', async () => {
    expect(expectData(await answering({ data: { q: 1 } }))).toEqual({ q: 1 });
    expect(
      expectErrorCode(
        await answering({
          data: null,
          errors: [
            { message: 'a', extensions: { code: 'OTHER' } },
            { message: 'b', extensions: { code: 'NOT_FOUND' } },
          ],
        }),
        'NOT_FOUND',
      ).message,
    ).toBe('b');
    const result = await answering({ data: { q: { __typename: 'A', a: 1 } } });
    expect(expectTypename(result, result.body.data.q, 'A')).toEqual({ __typename: 'A', a: 1 });
  });

  it.each([
    ['errors beside data', { data: { q: 1 }, errors: [{ message: 'broken' }] }, /the answer has errors.*broken/s],
    ['no data', { data: null }, /the answer has no data/],
    ['a body that is no JSON', '<html>', /the answer has no data.*<html>/s],
  ])('refuse %s', async (_, answer, message) => {
    const result = await answering(answer);
    expect(() => expectData(result)).toThrow(message);
  });

  it('show query, variables, body, request id and the log of the request', async () => {
    const result = await answering({
      data: null,
      errors: [{ message: 'broken', extensions: { code: 'INTERNAL_SERVER_ERROR' } }],
    });
    const removeLogs = addLogSource(() => [
      `{"requestId":"${result.request.requestId}","msg":"the cause"}`,
      '{"requestId":"another","msg":"noise"}',
    ]);
    try {
      let message = '';
      try {
        expectErrorCode(result, 'NOT_FOUND');
      } catch (error) {
        message = (error as Error).message;
      }
      for (const part of [
        'no error of code NOT_FOUND',
        'query Q { q }',
        'answer',
        'INTERNAL_SERVER_ERROR',
        result.request.requestId,
        'the cause',
      ])
        expect(message).toContain(part);
      expect(message).not.toContain('noise');
      expect(() => expectTypename(result, null, 'A')).toThrow('expected A, found nothing');
    } finally {
      removeLogs();
    }
  });
});
