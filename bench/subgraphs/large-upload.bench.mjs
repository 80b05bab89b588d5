#!/usr/bin/env node
// A film of 5 GB in parts, through createUpload and completeUpload, and its copy for others: `npm run bench -- subgraphs/large-upload`.
//   --megabytes N (5000)   --part-megabytes N (64)
// Needs twice as much room in the folder for temporary files.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { FILM_TYPE, isoBox, isoWords, postGraphQL, spawnGraph, startTestDatabases } from '@taskgraph/testkit';

const { values: flags } = parseArgs({
  options: { megabytes: { type: 'string', default: '5000' }, 'part-megabytes': { type: 'string', default: '64' } },
});
const SAMPLE_BYTES = 1_000_000;
const samples = Number(flags.megabytes);
const partBytes = Number(flags['part-megabytes']) * 1_000_000;
const LOOK_MS = 100;
const PLACE = '+52.5200+013.4050/';
const REGISTER = `mutation($input: RegisterInput!) { register(input: $input) { ... on AuthPayload { accessToken user { id } } } }`;
const CREATE = `mutation($input: CreateUploadInput!) { createUpload(input: $input) { __typename ... on CreateUploadSuccess { upload { id url } } } }`;
const COMPLETE = `mutation($id: ID!) { completeUpload(id: $id) { __typename ... on UploadMediaSuccess { media { id status byteSize } } } }`;
const TASK = `mutation($input: CreateTaskInput!) { createTask(input: $input) { task { id } } }`;
const ATTACH = `mutation($input: AttachMediaInput!) { attachMedia(input: $input) { __typename } }`;
const MEDIA = `query($id: ID!) { media(id: $id) { status url } }`;

/** The film, a megabyte at a time: its data, and an index behind them with the place where it was made. */
function* film() {
  const head = Buffer.alloc(16);
  head.writeUInt32BE(1);
  head.write('mdat', 4);
  head.writeBigUInt64BE(BigInt(16 + samples * SAMPLE_BYTES), 8);
  yield Buffer.concat([FILM_TYPE, head]);
  const noise = createNoise();
  for (let sample = 0; sample < samples; sample += 1) {
    const bytes = Buffer.from(noise);
    bytes.writeUInt32BE(sample);
    yield bytes;
  }
  const start = FILM_TYPE.length + head.length;
  const offsets = Buffer.alloc(8 * samples);
  for (let sample = 0; sample < samples; sample += 1)
    offsets.writeBigUInt64BE(BigInt(start + sample * SAMPLE_BYTES), 8 * sample);
  const table = isoBox(
    'stbl',
    isoBox('stsc', isoWords(0, 1, 1, 1, 1)),
    isoBox('stsz', isoWords(0, SAMPLE_BYTES, samples)),
    isoBox('co64', isoWords(0, samples), offsets),
  );
  const track = isoBox('trak', isoBox('mdia', isoBox('hdlr', isoWords(0, 0), 'vide'), isoBox('minf', table)));
  yield isoBox('moov', track, isoBox('udta', isoBox('\u00a9xyz', PLACE)));
}

function createNoise() {
  let block = createHash('sha256').update('film').digest();
  const blocks = [];
  for (let length = 0; length < SAMPLE_BYTES; length += block.length) {
    block = createHash('sha256').update(block).digest();
    blocks.push(block);
  }
  return Buffer.concat(blocks).subarray(0, SAMPLE_BYTES);
}

/** What is sent in one request after the other. */
function* parts() {
  let gathered = [];
  let length = 0;
  for (const bytes of film()) {
    gathered.push(bytes);
    length += bytes.length;
    if (length < partBytes) continue;
    yield Buffer.concat(gathered);
    [gathered, length] = [[], 0];
  }
  if (length > 0) yield Buffer.concat(gathered);
}

const databases = await startTestDatabases();
let graph;
try {
  graph = await spawnGraph({ settings: { LOG_LEVEL: 'warn' } });
  const run = async (token, query, variables) => {
    const { body } = await postGraphQL(graph.urls.gateway, { query, variables, token });
    if (!body.data || body.errors) throw Object.assign(new Error(JSON.stringify(body.errors)), { errors: body.errors });
    return body.data;
  };
  const register = async (displayName) => {
    const input = { email: `${displayName}@example.com`, password: 'seven green otters juggle', displayName };
    const { accessToken: token, user } = (await run(undefined, REGISTER, { input })).register;
    return { token, id: user.id };
  };
  const [ada, ben] = [await register('Ada'), await register('Ben')];

  const hash = createHash('sha256');
  let byteSize = 0;
  for (const bytes of film()) {
    hash.update(bytes);
    byteSize += bytes.length;
  }
  const sha256 = hash.digest('hex');

  let [most, mostOfGateway] = [0, 0];
  const before = rssMib(graph.pids.media);
  const look = setInterval(() => {
    most = Math.max(most, rssMib(graph.pids.media));
    mostOfGateway = Math.max(mostOfGateway, rssMib(graph.pids.gateway));
  }, LOOK_MS);
  const seconds = {};
  const timed = async (what, work) => {
    const startedAt = performance.now();
    const result = await work();
    seconds[what] = (performance.now() - startedAt) / 1000;
    return result;
  };

  const input = { filename: 'lake.mp4', byteSize, sha256 };
  const { id, url } = (await run(ada.token, CREATE, { input })).createUpload.upload;
  await timed('sending', async () => {
    let offset = 0;
    for (const part of parts()) {
      const headers = {
        'tus-resumable': '1.0.0',
        'upload-offset': String(offset),
        'content-type': 'application/offset+octet-stream',
      };
      const response = await fetch(url, { method: 'PATCH', headers, body: part });
      if (response.status !== 204) throw new Error(`${response.status} at ${offset}: ${await response.text()}`);
      offset += part.length;
    }
  });
  await timed('verifying, and writing its row', async () => {
    for (;;) {
      try {
        const { completeUpload } = await run(ada.token, COMPLETE, { id });
        if (completeUpload.media?.byteSize === byteSize) return;
        throw new Error(JSON.stringify(completeUpload));
      } catch (error) {
        if (error.errors?.[0]?.extensions?.reason !== 'VERIFYING') throw error;
      }
    }
  });
  await timed('the rest of copying it for others', async () => {
    while ((await run(ada.token, MEDIA, { id })).media.status === 'PROCESSING')
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  });
  const { task } = (await run(ada.token, TASK, { input: { title: 'Watch it', assigneeId: ben.id } })).createTask;
  await run(ada.token, ATTACH, { input: { taskId: task.id, mediaIds: [id] } });

  const download = async ({ token }) => {
    const response = await fetch((await run(token, MEDIA, { id })).media.url);
    const downloaded = createHash('sha256');
    let [length, end] = [0, Buffer.alloc(0)];
    for await (const chunk of response.body) {
      downloaded.update(chunk);
      length += chunk.length;
      end = Buffer.concat([end, chunk]).subarray(-1000);
    }
    return { sha256: downloaded.digest('hex'), length, hasPlace: end.includes(PLACE) };
  };
  const own = await timed('downloading it', () => download(ada));
  const shared = await timed('downloading the copy', () => download(ben));
  clearInterval(look);
  if (own.sha256 !== sha256 || !own.hasPlace) throw new Error('its uploader got another file');
  if (shared.length !== byteSize || shared.hasPlace) throw new Error('others got another length, or the place');

  console.log(`\n${byteSize} bytes in parts of ${partBytes}`);
  console.log('| step | seconds | MB/s |\n|---|---|---|');
  for (const [what, time] of Object.entries(seconds))
    console.log(`| ${what} | ${time.toFixed(1)} | ${(byteSize / 1_000_000 / time).toFixed(0)} |`);
  console.log(
    `\nRSS of media: ${before.toFixed(0)} MiB before, ${most.toFixed(0)} MiB at most; of the gateway ${mostOfGateway.toFixed(0)} MiB at most`,
  );
} finally {
  await graph?.stop();
  await databases.stop();
}

function rssMib(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;
}
