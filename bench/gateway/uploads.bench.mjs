#!/usr/bin/env node
// Large photographs, all at once, through the gateway to the real media subgraph: `npm run bench -- gateway/uploads`. Memory while they come,
// and how fast they are ready, against the same work of sharp with nothing around it (before and after, in this run).
//   --uploads N (50)   --megabytes N (10)
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { postGraphQL, spawnGraph, startTestDatabases, uploadGraphQL } from '@taskgraph/testkit';
import { runBare } from './bare-sharp.mjs';
import { createPhotographs } from './photographs.mjs';

const { values: flags } = parseArgs({
  options: { uploads: { type: 'string', default: '50' }, megabytes: { type: 'string', default: '10' } },
});
const uploads = Number(flags.uploads);
const LOOK_MS = 50;
const READY_LOOK_MS = 100;
/** As MEDIA_PROCESSING_CONCURRENCY is by default. */
const CONCURRENCY = 2;
const BARE = Math.ceil(uploads / 4);
const TOLD = '{ __typename ... on UploadMediaSuccess { media { id byteSize } } }';
const UPLOAD = `mutation($file: Upload!) { uploadMedia(file: $file) ${TOLD} }`;
const REGISTER = `mutation($input: RegisterInput!) { register(input: $input) { ... on AuthPayload { accessToken } } }`;

const photographs = await createPhotographs(uploads + 1, Number(flags.megabytes) * 1_000_000);
const megabytes = photographs.reduce((sum, { length }) => sum + length, 0) / photographs.length / 1_000_000;
const bareBefore = await runBare(photographs.slice(0, BARE), CONCURRENCY);

const databases = await startTestDatabases();
let graph;
try {
  graph = await spawnGraph({
    settings: {
      LOG_LEVEL: 'warn',
      UPLOAD_TIMEOUT_MS: '600000',
      OPERATION_TIMEOUT_MS: '600000',
      REQUEST_TIMEOUT_MS: '660000',
    },
  });
  const gateway = graph.urls.gateway;
  const input = { email: 'ada@example.com', password: 'seven green otters juggle', displayName: 'Ada' };
  const { body } = await postGraphQL(gateway, { query: REGISTER, variables: { input } });
  const token = body.data.register.accessToken;
  const send = async (photograph, index) => {
    const result = await uploadGraphQL(gateway, {
      query: UPLOAD,
      variables: { file: null },
      files: { 'variables.file': { filename: `${index}.jpg`, content: photograph, contentType: 'image/jpeg' } },
      token,
    });
    const media = result.body.data?.uploadMedia?.media;
    if (media?.byteSize !== photograph.length) throw new Error(JSON.stringify(result.body));
    return media.id;
  };
  const ready = async (id) => {
    for (;;) {
      const query = 'query($id: ID!) { media(id: $id) { status } }';
      const answer = await postGraphQL(gateway, { query, variables: { id }, token });
      const status = answer.body.data?.media?.status;
      if (status === 'READY') return;
      if (status !== 'PROCESSING') throw new Error(JSON.stringify(answer.body));
      await wait(READY_LOOK_MS);
    }
  };
  const [first, ...others] = photographs;
  await ready(await send(first, 'first'));

  const before = rssOf(graph.pids);
  const most = { gateway: 0, media: 0, both: 0, 'processes of images': 0 };
  const look = setInterval(() => {
    for (const [name, rss] of Object.entries(rssOf(graph.pids))) most[name] = Math.max(most[name], rss);
  }, LOOK_MS);
  const startedAt = performance.now();
  const ids = await Promise.all(others.map(send));
  const acknowledged = (performance.now() - startedAt) / 1000;
  // One after the other: what looks takes little from those that work.
  for (const id of ids) await ready(id);
  const seconds = (performance.now() - startedAt) / 1000;
  clearInterval(look);
  const told = `${uploads} photographs of ${megabytes.toFixed(1)} MB at once`;
  console.log(
    `\n${told}: all acknowledged after ${acknowledged.toFixed(1)} s, all ready after ${seconds.toFixed(1)} s`,
  );
  console.log('| process | RSS before, MiB | at most, MiB |\n|---|---|---|');
  for (const [name, rss] of Object.entries(most))
    console.log(`| ${name} | ${before[name].toFixed(0)} | ${rss.toFixed(0)} |`);

  await graph.stop();
  graph = undefined;
  const bareAfter = await runBare(photographs.slice(-BARE), CONCURRENCY);
  const bare = (2 * BARE) / (bareBefore + bareAfter);
  const rate = uploads / seconds;
  console.log(
    `\nready: ${rate.toFixed(2)} a second; bare sharp: ${bare.toFixed(2)} a second; ${percent(rate / bare)} of it`,
  );
} finally {
  await graph?.stop();
  await databases.stop();
}

function percent(ratio) {
  return `${(ratio * 100).toFixed(0)} %`;
}

/** MiB. The decoders' processes are counted apart: each has a limit of its own. */
function rssOf({ gateway, media }) {
  const [ofGateway, ofMedia] = [rssMib(gateway), rssMib(media)];
  const decoders = childrenOf(media).reduce((sum, pid) => sum + rssMib(pid), 0);
  return { gateway: ofGateway, media: ofMedia, both: ofGateway + ofMedia, 'processes of images': decoders };
}

function childrenOf(pid) {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean),
  );
}

/** 0 of a process that has just ended. */
function rssMib(pid) {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}
