import { setTimeout as delay } from 'node:timers/promises';
import { withClient } from '@taskgraph/databases';
import {
  expectData,
  hasPubSubEmulator,
  hasRedisServer,
  postGraphQL,
  smallPng,
  uploadGraphQL,
} from '@taskgraph/testkit';
import { describe, expect, it } from '@jest/globals';
import { follow } from '../chaos/subscriber.mjs';
import { operation } from '../operations.js';
import { hasHaproxy } from './haproxy.js';
import { startLoad } from './load.js';
import { REPLICAS, SERVICES, startReplicatedGraph } from './replicated-graph.js';

const FOLLOWERS = 4;
/** Sixteen starts of processes, on a machine that is busy with them. */
const TIMEOUT_MS = 400_000;
const withServers = hasHaproxy() && hasRedisServer() && hasPubSubEmulator() ? it : it.skip;

describe('a rolling restart of everything, two of each behind HAProxy', () => {
  withServers(
    'fails no request, loses no write and no event',
    async () => {
      await using graph = await startReplicatedGraph();
      const url = graph.gatewayUrl;
      const input = { email: 'ada@example.com', password: 'seven green otters juggle', displayName: 'Ada' };
      const registered = expectData(await postGraphQL(url, { query: operation('Register'), variables: { input } }));
      const token = String(registered.register.accessToken);
      const run = async (name: string, variables: Record<string, unknown>) =>
        expectData(await postGraphQL(url, { query: operation(name), variables, token }));
      const upload = async () => {
        const file = { filename: 'picture.png', content: await smallPng(), contentType: 'image/png' };
        const { uploadMedia } = expectData(
          await uploadGraphQL(url, {
            query: operation('UploadMedia'),
            variables: { file: null },
            files: { 'variables.file': file },
            token,
          }),
        );
        return String(uploadMedia.media.id);
      };
      const addTask = async () => {
        const { createTask } = await run('CreateTask', { input: { title: 'Survive' } });
        return String(createTask.task.id);
      };
      const taskId = await addTask();
      const first = await upload();
      const followers = Array.from({ length: FOLLOWERS }, () => follow(url, { token, taskId }));
      await using _followers = {
        async [Symbol.asyncDispose]() {
          await Promise.all(followers.map((follower) => follower.stop()));
        },
      };
      // Nothing else tells that they listen.
      while (followers.some(({ seen }) => seen.length === 0)) {
        await run('AttachMedia', { input: { taskId, mediaIds: [first] } });
        await run('DetachMedia', { input: { taskId, mediaIds: [first] } });
        await delay(100);
      }

      const acknowledged = { tasks: [] as string[], media: [] as string[], attached: [] as string[] };
      await using load = startLoad([
        { kind: 'read', workers: 4, pauseMs: 20, run: async () => void (await run('TaskWithMedia', { id: taskId })) },
        { kind: 'write', workers: 2, pauseMs: 50, run: async () => void acknowledged.tasks.push(await addTask()) },
        {
          kind: 'upload',
          workers: 1,
          pauseMs: 50,
          async run() {
            const mediaId = await upload();
            acknowledged.media.push(mediaId);
            // A task holds a hundred items; the events are what counts.
            await run('AttachMedia', { input: { taskId, mediaIds: [mediaId] } });
            acknowledged.attached.push(mediaId);
            await run('DetachMedia', { input: { taskId, mediaIds: [mediaId] } });
          },
        },
      ]);
      const codes: Array<number | NodeJS.Signals> = [];
      // One of each at a time, as orchestrators do that know nothing of each other.
      for (let replica = 0; replica < REPLICAS; replica += 1) {
        codes.push(...(await Promise.all(SERVICES.map((service) => graph.restart(service, replica)))));
        for (const kind of ['read', 'write', 'upload']) await load.untilMore(kind, 3);
      }
      await load.stop();
      const failures = load.samples.filter(({ failure }) => failure !== null);
      expect(failures).toEqual([]);
      expect(new Set(codes)).toEqual(new Set([0]));

      const rows = (name: 'task' | 'media', table: string) =>
        withClient(graph.databases[name].url, async (client) =>
          (await client.query<{ id: string }>(`SELECT id FROM ${table}`)).rows.map(({ id }) => id),
        );
      expect(await rows('task', 'tasks')).toEqual(expect.arrayContaining(acknowledged.tasks));
      expect(await rows('media', 'media_items')).toEqual(expect.arrayContaining(acknowledged.media));
      for (const { seen } of followers)
        while (!seen.some(({ mediaId }) => mediaId === acknowledged.attached.at(-1))) await delay(50);
      for (const { seen, resumed } of followers) {
        const since = seen.map(({ mediaId }) => mediaId).filter((id) => id !== first);
        expect(since).toEqual(acknowledged.attached);
        expect(new Set(seen.map(({ eventId }) => eventId)).size).toBe(seen.length);
        expect(resumed()).toBeGreaterThan(0);
      }
    },
    TIMEOUT_MS,
  );
});
