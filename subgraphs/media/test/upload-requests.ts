/** What a client sends of a file in many requests: the mutations, and tus between them. */
import { createHash } from 'node:crypto';
import { expectData, type TestViewer } from '@taskgraph/testkit';
import type { MediaGraph } from './media-graph.js';

export const CREATE = `mutation($input: CreateUploadInput!) { createUpload(input: $input) { __typename
  ... on CreateUploadSuccess { upload { id url protocol expiresAt } }
  ... on MediaTooLargeProblem { message maxBytes }
  ... on QuotaExceededProblem { message usedBytes quotaBytes } } }`;
export const COMPLETE = `mutation($id: ID!) { completeUpload(id: $id) { __typename
  ... on UploadMediaSuccess { media { id filename mimeType byteSize status altText } }
  ... on UploadIncompleteProblem { message receivedBytes byteSize }
  ... on UnsupportedMediaTypeProblem { message mimeType allowed }
  ... on InvalidImageProblem { message reason } } }`;
export const ORIGIN = 'https://app.example.com';

export const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** The URL with another first character in its signature, whatever that one is. */
export const withChangedSignature = (url: string): string =>
  url.replace(/signature=(.)/, (_, first: string) => `signature=${first === '_' ? '-' : '_'}`);

export function tus(
  method: string,
  url: string,
  headers: Record<string, string> = {},
  body?: Uint8Array,
): Promise<Response> {
  return fetch(url, {
    method,
    headers: { 'tus-resumable': '1.0.0', connection: 'close', ...headers },
    ...(body && { body: body as never }),
  });
}

export function patch(url: string, offset: number | string, body: Uint8Array, headers: Record<string, string> = {}) {
  const all = { 'upload-offset': String(offset), 'content-type': 'application/offset+octet-stream', ...headers };
  return tus('PATCH', url, all, body);
}

export async function create(
  graph: MediaGraph,
  who: TestViewer,
  bytes: Uint8Array,
  more: Record<string, unknown> = {},
) {
  const input = { filename: '../lake.png', byteSize: bytes.length, ...more };
  const { createUpload } = expectData(await graph.run(who, CREATE, { input }));
  return createUpload.upload as { id: string; url: string; protocol: string; expiresAt: string };
}

export const scrape = async (url: string) => (await fetch(`${new URL(url).origin}/metrics`)).text();

export async function complete(graph: MediaGraph, who: TestViewer, id: string) {
  return expectData(await graph.run(who, COMPLETE, { id })).completeUpload;
}
