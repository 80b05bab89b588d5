#!/usr/bin/env node
// The fault run: load of attachments while processes are killed at random. `npm run test:chaos -- [--rounds 100]
// [--minutes 10] [--seed 1]`: it ends with whichever comes first, and tells its seed.
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { prepareOrExit } from '../../scripts/prepare.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const FOLLOWED_TASKS = 3;
const SETTLE_TIMEOUT_MS = 90_000;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '100' },
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1e9)) },
    victims: { type: 'string', default: '' },
    store: { type: 'string', default: 'disk' },
  },
});
const rounds = Number(values.rounds);
const deadline = Date.now() + Number(values.minutes) * 60_000;
const seed = Number(values.seed);
if (![rounds, deadline, seed].every(Number.isFinite)) {
  console.error('--rounds, --minutes and --seed are numbers.');
  process.exit(2);
}

if (!['disk', 'bucket'].includes(values.store)) {
  console.error('--store is disk or bucket.');
  process.exit(2);
}

/** Mails are tried again for a while. */
async function untilMailed(registered, { mailed, graph }) {
  const until = Date.now() + SETTLE_TIMEOUT_MS;
  for (;;) {
    const faults = await verifyMails(registered, mailed, graph.urls.auth);
    if (faults.length === 0 || Date.now() > until) return faults;
    await delay(250);
  }
}

await prepareOrExit();
const { createRandom } = await import('./random.mjs');
const { startSystem, BUCKET_VICTIMS, VICTIMS } = await import('./system.mjs');
const { attachOne, createStage, startLoad } = await import('./load.mjs');
const { follow } = await import('./subscriber.mjs');
const { settle, verify, verifyMails } = await import('./verify.mjs');
const { openStore } = await import('@taskgraph/media/storage');
const all = values.store === 'bucket' ? [...VICTIMS, ...BUCKET_VICTIMS] : VICTIMS;
const victims = values.victims === '' ? all : values.victims.split(',');
const unknown = victims.filter((victim) => !all.includes(victim));
if (unknown.length > 0) {
  console.error(`There is no victim ${unknown.join(', ')}; there are ${all.join(', ')}.`);
  process.exit(2);
}

console.log(`seed ${seed}; ${rounds} rounds or ${values.minutes} minutes; victims: ${victims.join(', ')}`);
const random = createRandom(seed);
const system = await startSystem(root, random, values.store);
let failed;
try {
  const url = system.graph.urls.gateway;
  const stage = await createStage(url, { tasks: 8, media: 10 });
  const followers = stage.taskIds.slice(0, FOLLOWED_TASKS).map((taskId) => follow(url, { token: stage.token, taskId }));
  // Who has seen one event can resume behind it, whatever happens from now on.
  await attachOne(url, stage, followers);
  const load = startLoad(url, stage, createRandom(seed + 1));
  const killed = {};
  let round = 0;
  for (const victim of random.deal(victims)) {
    if (round === rounds || Date.now() > deadline) break;
    round += 1;
    await delay(random.integer(50, 700));
    await system.kill(victim);
    killed[victim] = (killed[victim] ?? 0) + 1;
    // What hangs is given up by those who wait for it after a while, and before that it goes on as if nothing had been.
    await delay(random.integer(20, victim.endsWith('hang') ? 6_000 : 1_500));
    await system.start(victim);
    if (process.stdout.isTTY || round % 10 === 0)
      console.log(`round ${round}: ${load.acknowledged.AttachMedia.length} attachments acknowledged`);
  }
  await load.stop();
  // What an outage has cut off is swept when media starts, and from time to time.
  await system.graph.restart('media');
  console.log(
    `killed: ${Object.entries(killed)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ')}`,
  );
  const settled = await settle(system.databases, followers, SETTLE_TIMEOUT_MS);
  const { faults, events, relations } = await verify(
    system.databases,
    load.acknowledged,
    followers,
    await openStore(system.storage),
  );
  if (killed.auth === undefined) faults.push(...(await untilMailed(load.acknowledged.Register, system)));
  else console.log('Mails are not compared: what auth had in hand when it was killed is unknown.');
  if (!settled) faults.unshift(`events or subscribers had not caught up after ${SETTLE_TIMEOUT_MS / 1000} s`);
  for (const follower of followers) await follower.stop();
  const saw = followers.reduce((sum, { seen }) => sum + seen.length, 0);
  const resumed = followers.reduce((sum, follower) => sum + follower.resumed(), 0);
  console.log(
    `${round} rounds; ${load.acknowledged.AttachMedia.length} attachments and ${load.acknowledged.DetachMedia.length} detachments and ${load.acknowledged.UploadMedia.length} uploads and ${load.acknowledged.Register.length} registrations acknowledged, ` +
      `${load.unanswered()} requests without an answer; ${events} events, ${relations} relations; ` +
      `${followers.length} subscribers saw ${saw} events over ${resumed} resumptions`,
  );
  for (const fault of faults.slice(0, 30)) console.log(`FAULT ${fault}`);
  failed = faults.length > 0;
  if (failed) {
    console.log('last log lines:');
    for (const line of system.graph
      .logs()
      .filter((each) => /"level":"(warn|error)"/.test(each))
      .slice(-40))
      console.log(line);
    for (const { failures } of followers) console.log(Object.fromEntries(failures));
  }
  console.log(failed ? `1 passed, ${faults.length} failed` : `${round} passed, 0 failed, 0 skipped`);
} finally {
  await system.close();
}
process.exit(failed ? 1 : 0);
