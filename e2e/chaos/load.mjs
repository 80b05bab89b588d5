import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { denserThanThumbnails } from '@taskgraph/testkit';
import sharp from 'sharp';
import { operation } from './operations.mjs';

const REQUEST_TIMEOUT_MS = 5_000;
const WORKERS = 6;
const PAUSE_MS = [5, 60];
const UPLOAD_PAUSE_MS = [100, 400];
const REFUSED_PAUSE_MS = 100;
const REGISTER_PAUSE_MS = [500, 1_500];

/** Runs an operation of the contract. Returns its answer; throws when there is none. */
async function run(url, name, variables, token) {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify({ query: operation(name), variables }),
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
  });
  return response.json();
}

function pictureOf(index) {
  return sharp({
    create: { width: 40 + index, height: 30, channels: 3, background: { r: (20 * index) % 256, g: 120, b: 200 } },
  })
    .png()
    .toBuffer();
}

/** Tells the id of the item; throws when there is none. */
async function upload(url, token, picture) {
  const form = new FormData();
  form.set('operations', JSON.stringify({ query: operation('UploadMedia'), variables: { file: null } }));
  form.set('map', '{"0":["variables.file"]}');
  form.set('0', new Blob([picture], { type: 'image/png' }), 'picture.png');
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'apollo-require-preflight': 'true' },
    body: form,
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
  });
  return (await response.json()).data.uploadMedia.media.id;
}

/** Opens an account with tasks and pictures. */
export async function createStage(url, { tasks, media }) {
  const input = { email: `${randomBytes(8).toString('hex')}@example.com`, password: 'seven green otters juggle' };
  const registered = await run(url, 'Register', { input: { ...input, displayName: 'Chaos' } });
  const token = registered.data.register.accessToken;
  const taskIds = [];
  for (let index = 0; index < tasks; index += 1) {
    const created = await run(url, 'CreateTask', { input: { title: `Task ${index}` } }, token);
    taskIds.push(created.data.createTask.task.id);
  }
  const mediaIds = [];
  for (let index = 0; index < media; index += 1) mediaIds.push(await upload(url, token, await pictureOf(index)));
  return { token, taskIds, mediaIds };
}

/** Lets every follower see a first event: attaches and detaches until it has, for nothing else tells that it listens. */
export async function attachOne(url, { token, mediaIds }, followers) {
  for (const { taskId, seen } of followers)
    while (seen.length === 0) {
      const input = { taskId, mediaIds: [mediaIds[0]] };
      await run(url, 'AttachMedia', { input }, token);
      await run(url, 'DetachMedia', { input }, token);
    }
}

/**
 * Attaches, detaches and uploads until it is stopped. Tells what was acknowledged; what was not may have happened or not.
 */
export function startLoad(url, { token, taskIds, mediaIds }, random) {
  let stopped = false;
  const acknowledged = { AttachMedia: [], DetachMedia: [], UploadMedia: [], Register: [] };
  let unanswered = 0;

  async function uploader() {
    while (!stopped) {
      // Noise, so that every one is another, and none of its thumbnails is small.
      const picture = await denserThanThumbnails();
      try {
        const id = await upload(url, token, picture);
        acknowledged.UploadMedia.push({ id, sha256: createHash('sha256').update(picture).digest('hex') });
      } catch {
        unanswered += 1;
        await delay(REFUSED_PAUSE_MS);
      }
      await delay(random.integer(...UPLOAD_PAUSE_MS));
    }
  }

  /** Whoever registers gets a mail, whenever there is somebody who takes it, and waits for none. */
  async function newcomer() {
    while (!stopped) {
      const email = `${random.integer(0, 2 ** 48)}@example.com`;
      const input = { email, password: 'seven green otters juggle', displayName: 'Newcomer' };
      try {
        const { data } = await run(url, 'Register', { input });
        if (data?.register?.accessToken) acknowledged.Register.push(email);
        else unanswered += 1;
      } catch {
        unanswered += 1;
      }
      await delay(random.integer(...REGISTER_PAUSE_MS));
    }
  }

  async function worker() {
    while (!stopped) {
      const pair = { taskId: random.pick(taskIds), mediaId: random.pick(mediaIds) };
      const name = random.next() < 0.55 ? 'AttachMedia' : 'DetachMedia';
      try {
        const { data, errors } = await run(
          url,
          name,
          { input: { taskId: pair.taskId, mediaIds: [pair.mediaId] } },
          token,
        );
        const payload = data?.attachMedia ?? data?.detachMedia;
        if (payload && !errors && (payload.__typename ?? 'AttachMediaSuccess') === 'AttachMediaSuccess')
          acknowledged[name].push(pair);
        else unanswered += 1;
      } catch {
        unanswered += 1;
        // Who is refused at once need not ask as fast.
        await delay(REFUSED_PAUSE_MS);
      }
      await delay(random.integer(...PAUSE_MS));
    }
  }
  const workers = [...Array.from({ length: WORKERS }, worker), uploader(), newcomer()];
  return {
    acknowledged,
    unanswered: () => unanswered,
    async stop() {
      stopped = true;
      await Promise.all(workers);
    },
  };
}
