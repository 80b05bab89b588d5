#!/usr/bin/env node
// Large photographs, all at once, through the gateway to the real media subgraph: `npm run bench -- gateway/uploads`. Memory while they come,
// and how fast they are ready, against the same work of sharp with nothing around it (before and after, in this run).
//   --uploads N (50)   --megabytes N (10)
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { postGraphQL, uploadGraphQL } from '@taskgraph/testkit';
import { runBare } from './bare-sharp.mjs';
import { createPhotographs } from './photographs.mjs';
import { childrenOf, startOneProcess, startProcesses } from './upload-systems.mjs';

const { values: flags } = parseArgs({
  options: { uploads: { type: 'string', default: '50' }, megabytes: { type: 'string', default: '10' } },
});
const uploads = Number(flags.uploads);
const LOOK_MS = 50;
/** As MEDIA_PROCESSING_CONCURRENCY is by default. */
const CONCURRENCY = 2;
const BARE = Math.ceil(uploads / 4);
const TOLD = '{ __typename ... on UploadMediaSuccess { media { id byteSize status } } }';
const UPLOAD = `mutation($file: Upload!) { uploadMedia(file: $file) ${TOLD} }`;
const REGISTER = `mutation($input: RegisterInput!) { register(input: $input) { ... on AuthPayload { accessToken } } }`;

const photographs = await createPhotographs(uploads + 1, Number(flags.megabytes) * 1_000_000);
const megabytes = photographs.reduce((sum, { length }) => sum + length, 0) / photographs.length / 1_000_000;
console.log(`${uploads} photographs of ${megabytes.toFixed(1)} MB at once`);
for (const start of [startProcesses, startOneProcess]) await measure(start);

async function measure(start) {
  const bareBefore = await runBare(photographs.slice(0, BARE), CONCURRENCY);
  const system = await start();
  let run;
  try {
    run = await uploadAll(system);
  } finally {
    await system.stop();
  }
  const bareAfter = await runBare(photographs.slice(-BARE), CONCURRENCY);
  const bare = (2 * BARE) / (bareBefore + bareAfter);
  console.log(`\n${system.name}\n\n| process | RSS before, MiB | at most, MiB |\n|---|---|---|`);
  for (const [name, rss] of Object.entries(run.most))
    console.log(`| ${name} | ${run.before[name].toFixed(0)} | ${rss.toFixed(0)} |`);
  const [first, last] = [run.readyAt[0], run.readyAt.at(-1)];
  const whole = uploads / last;
  const processing = (uploads - 1) / (last - first);
  console.log(`\nready: the first after ${first.toFixed(1)} s, the last after ${last.toFixed(1)} s`);
  console.log(
    `a second: ${whole.toFixed(2)} with their upload, ${processing.toFixed(2)} from the first to the last, ${bare.toFixed(2)} by bare sharp: ` +
      `${percent(whole / bare)} and ${percent(processing / bare)} of it`,
  );
}

/** `readyAt` is in seconds since the first byte, in the order of time. */
async function uploadAll({ url, pids, decodersOf }) {
  const input = { email: 'ada@example.com', password: 'seven green otters juggle', displayName: 'Ada' };
  const { body } = await postGraphQL(url, { query: REGISTER, variables: { input } });
  const token = body.data.register.accessToken;
  const [first, ...others] = photographs;
  const send = async (photograph, name) => {
    const result = await uploadGraphQL(url, {
      query: UPLOAD,
      variables: { file: null },
      files: { 'variables.file': { filename: `${name}.jpg`, content: photograph, contentType: 'image/jpeg' } },
      token,
    });
    const media = result.body.data?.uploadMedia?.media;
    if (media?.byteSize !== photograph.length || media.status !== 'READY') throw new Error(JSON.stringify(result.body));
  };
  await send(first, 'first');

  const before = rssOf(pids, decodersOf);
  const most = { ...before };
  const look = setInterval(() => {
    for (const [name, rss] of Object.entries(rssOf(pids, decodersOf))) most[name] = Math.max(most[name], rss);
  }, LOOK_MS);
  const readyAt = [];
  const startedAt = performance.now();
  try {
    await Promise.all(
      others.map(async (photograph, index) => {
        await send(photograph, index);
        readyAt.push((performance.now() - startedAt) / 1000);
      }),
    );
  } finally {
    clearInterval(look);
  }
  return { before, most, readyAt };
}

function percent(ratio) {
  return `${(ratio * 100).toFixed(0)} %`;
}

/** MiB. The decoders' processes are counted apart: each has a limit of its own. */
function rssOf(pids, decodersOf) {
  const each = Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, rssMib(pid)]));
  const all = Object.values(each).reduce((sum, rss) => sum + rss, 0);
  const decoders = childrenOf(decodersOf)
    .filter(isDecoder)
    .reduce((sum, pid) => sum + rssMib(pid), 0);
  return { ...each, ...(Object.keys(each).length > 1 && { together: all }), 'processes of images': decoders };
}

function isDecoder(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('image-worker');
  } catch {
    return false;
  }
}

/** 0 of a process that has just ended. */
function rssMib(pid) {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}
