#!/usr/bin/env node
// Large uploads, all at once, through the gateway to the real media subgraph: `npm run bench -- gateway/uploads`.
//   --uploads N (50)   --megabytes N (10)
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { postGraphQL, spawnGraph, startTestDatabases, uploadGraphQL } from '@taskgraph/testkit';
import sharp from 'sharp';

const { values: flags } = parseArgs({
  options: { uploads: { type: 'string', default: '50' }, megabytes: { type: 'string', default: '10' } },
});
const uploads = Number(flags.uploads);
const bytes = Number(flags.megabytes) * 1_000_000;
const LOOK_MS = 50;
const UPLOAD = `mutation($file: Upload!) { uploadMedia(file: $file) { __typename ... on UploadMediaSuccess { media { id byteSize } } } }`;
const REGISTER = `mutation($input: RegisterInput!) { register(input: $input) { ... on AuthPayload { accessToken } } }`;

const databases = await startTestDatabases();
let graph;
try {
  graph = await spawnGraph({
    settings: { LOG_LEVEL: 'warn', UPLOAD_TIMEOUT_MS: '600000', OPERATION_TIMEOUT_MS: '600000' },
  });
  const gateway = graph.urls.gateway;
  const input = { email: 'ada@example.com', password: 'seven green otters juggle', displayName: 'Ada' };
  const { body } = await postGraphQL(gateway, { query: REGISTER, variables: { input } });
  const token = body.data.register.accessToken;
  const picture = await pictureOf(bytes);
  const send = async (index) => {
    const result = await uploadGraphQL(gateway, {
      query: UPLOAD,
      variables: { file: null },
      files: { 'variables.file': { filename: `${index}.jpg`, content: picture, contentType: 'image/jpeg' } },
      token,
    });
    const size = result.body.data?.uploadMedia?.media?.byteSize;
    if (size !== picture.length) throw new Error(JSON.stringify(result.body));
  };
  await send('first');
  const before = { gateway: rssMib(graph.pids.gateway), media: rssMib(graph.pids.media) };
  const most = { gateway: 0, media: 0 };
  const look = setInterval(() => {
    for (const name of Object.keys(most)) most[name] = Math.max(most[name], rssMib(graph.pids[name]));
  }, LOOK_MS);
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: uploads }, (_, index) => send(index)));
  const seconds = (performance.now() - startedAt) / 1000;
  clearInterval(look);
  console.log(`\n${uploads} uploads of ${(picture.length / 1_000_000).toFixed(1)} MB at once, ${seconds.toFixed(1)} s`);
  console.log('| process | RSS before, MiB | at most, MiB |\n|---|---|---|');
  for (const [name, rss] of Object.entries(most))
    console.log(`| ${name} | ${before[name].toFixed(0)} | ${rss.toFixed(0)} |`);
} finally {
  await graph?.stop();
  await databases.stop();
}

/** A JPEG of just that size: a small picture, and after its end what readers of JPEG leave aside. */
async function pictureOf(size) {
  const picture = await sharp({ create: { width: 1200, height: 800, channels: 3, background: 'teal' } })
    .jpeg()
    .toBuffer();
  return Buffer.concat([picture, Buffer.alloc(size - picture.length)]);
}

function rssMib(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;
}
