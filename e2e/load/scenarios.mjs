import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { operation } from '../chaos/operations.mjs';
import { makePicture, openClient } from './client.mjs';

const PEOPLE = 4;
const TASKS = 12;
const PICTURES = 4;
const SUBSCRIBERS = 50;

/** Opens accounts with tasks and pictures, attached to each other. */
async function createStage(url) {
  const people = await Promise.all(Array.from({ length: PEOPLE }, () => openClient(url)));
  const picture = await makePicture();
  return Promise.all(
    people.map(async (client) => {
      const mediaIds = [];
      for (let index = 0; index < PICTURES; index += 1) mediaIds.push(await client.upload(picture));
      const taskIds = [];
      for (let index = 0; index < TASKS; index += 1) {
        const taskId = await client.addTask();
        taskIds.push(taskId);
        await client.run('AttachMedia', { input: { taskId, mediaIds: mediaIds.slice(0, 1 + (index % PICTURES)) } });
      }
      return { client, taskIds, mediaIds };
    }),
  );
}

const pick = (list) => list[Math.floor(Math.random() * list.length)];
const read = ({ client, taskIds }) => client.run('TaskWithMedia', { id: pick(taskIds) });
const board = ({ client }) => client.run('Board', { first: 20 });
const create = ({ client }) => client.addTask();
async function attach({ client, taskIds, mediaIds }) {
  const input = { taskId: pick(taskIds), mediaIds: [pick(mediaIds)] };
  await client.run(Math.random() < 0.5 ? 'AttachMedia' : 'DetachMedia', { input });
}

/**
 * What clients do, by scenario: the mixture of operations in parts of a hundred.
 *
 * @type {Record<string, { about: string, rate: number, mixture: Record<string, [number, (person: object, stage: object) => Promise<unknown>]>, subscribers?: number }>}
 */
export const SCENARIOS = {
  board: {
    about: 'people look at their boards and open tasks',
    rate: 40,
    mixture: { Board: [30, board], TaskWithMedia: [70, read] },
  },
  writes: {
    about: 'a burst of changes, with some reads between',
    rate: 40,
    mixture: { CreateTask: [40, create], AttachOrDetach: [40, attach], TaskWithMedia: [20, read] },
  },
  uploads: {
    about: 'pictures are uploaded while others are looked at',
    rate: 15,
    mixture: {
      UploadMedia: [30, ({ client }, { picture }) => client.upload(picture)],
      TaskWithMedia: [70, read],
    },
  },
  subscriptions: {
    about: `${SUBSCRIBERS} clients follow a task to which pictures are attached`,
    rate: 10,
    subscribers: SUBSCRIBERS,
    mixture: {
      AttachOrDetach: [
        100,
        async ({ client, mediaIds }, { followed }) => {
          const input = { taskId: followed, mediaIds: [pick(mediaIds)] };
          await client.run(Math.random() < 0.6 ? 'AttachMedia' : 'DetachMedia', { input });
        },
      ],
    },
  },
  soak: {
    about: 'everything at once, for as long as you like: --duration 3600',
    rate: 25,
    subscribers: 10,
    mixture: {
      TaskWithMedia: [60, read],
      Board: [15, board],
      CreateTask: [10, create],
      AttachOrDetach: [10, attach],
      UploadMedia: [5, ({ client }, { picture }) => client.upload(picture)],
    },
  },
};

/** Makes ready for a scenario. `next` tells what is sent next; `events` what subscribers have seen. */
export async function openScenario(name, url) {
  const { mixture, subscribers = 0 } = SCENARIOS[name];
  const people = await createStage(url);
  const owner = people[0];
  const stage = { picture: await makePicture(), followed: owner.taskIds[0] };
  const events = [];
  const clients = Array.from({ length: subscribers }, () => follow(url, owner, events));
  const operations = Object.entries(mixture);
  return {
    events,
    next() {
      let at = Math.random() * 100;
      const [kind, [, run]] = operations.find(([, [share]]) => (at -= share) < 0) ?? operations[0];
      // What is followed is one person's.
      const person = subscribers > 0 && operations.length === 1 ? owner : pick(people);
      return { kind, run: () => Promise.resolve(run(person, stage)) };
    },
    async close() {
      await Promise.all(clients.map((client) => client.dispose()));
    },
  };
}

function follow(url, { client: { token }, taskIds: [taskId] }, events) {
  const client = createClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${token}` },
    retryAttempts: 0,
  });
  client.subscribe(
    { query: operation('MediaAttached'), variables: { taskId } },
    {
      next: ({ data, errors }) => {
        const attachedAt = data?.mediaAttached?.attachedAt;
        events.push({ latencyMs: attachedAt ? Date.now() - Date.parse(attachedAt) : null, failed: Boolean(errors) });
      },
      error: () => events.push({ latencyMs: null, failed: true }),
      complete: () => undefined,
    },
  );
  return client;
}
