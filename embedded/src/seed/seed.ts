import { z } from 'zod';
import { readJson, writeJson, type DataDir } from '../data-dir.js';
import { openDemoClient, type DemoClient } from './demo-client.js';
import { PEOPLE, type DemoPersonKey } from './demo-people.js';
import { PICTURES, renderPicture, type DemoPictureName } from './demo-pictures.js';
import { SHOWN_TASK, TASKS, type DemoTask } from './demo-tasks.js';

const DAY_MS = 24 * 60 * 60 * 1000;

const stateSchema = z.object({
  /** The task that the printed query is about. */
  taskId: z.string(),
});

export type SeedState = z.output<typeof stateSchema>;

/** Returns what a completed seed has left; null when none was completed. */
export async function findSeedState({ seed }: DataDir): Promise<SeedState | null> {
  const content = await readJson(seed).catch(() => null);
  return stateSchema.safeParse(content).data ?? null;
}

export interface SeedOptions {
  readonly dataDir: DataDir;
  readonly graphqlUrl: string;
  readonly signal: AbortSignal;
  readonly onProgress: (text: string) => void;
}

interface Person {
  readonly client: DemoClient;
  readonly userId: string;
}

/**
 * Fills in demo data through the gateway, so that every rule holds for them too.
 *
 * What is there already is kept and not made twice: an interrupted seed is finished by the next one.
 */
export async function seedDemoData({ dataDir, graphqlUrl, signal, onProgress }: SeedOptions): Promise<SeedState> {
  onProgress('two people');
  const [mara, jonas] = await Promise.all([
    openDemoClient(graphqlUrl, PEOPLE.mara, signal),
    openDemoClient(graphqlUrl, PEOPLE.jonas, signal),
  ]);
  const people: Readonly<Record<DemoPersonKey, Person>> = { mara, jonas };
  const taskIds = await seedTasks(people, onProgress);
  const pictureIds = await seedPictures(people, onProgress);
  for (const task of TASKS) await attach(people[task.owner].client, task, taskIds, pictureIds);
  const state = { taskId: lookUp(taskIds, SHOWN_TASK) };
  await writeJson(dataDir.seed, state);
  return state;
}

const LIST_TASKS =
  'query SeedTasks($after: String) { tasks(first: 100, after: $after) { edges { node { id title owner { id } } } pageInfo { hasNextPage endCursor } } }';
const CREATE_TASK = 'mutation SeedTask($input: CreateTaskInput!) { createTask(input: $input) { task { id } } }';

async function seedTasks(
  people: Readonly<Record<DemoPersonKey, Person>>,
  onProgress: SeedOptions['onProgress'],
): Promise<Map<string, string>> {
  const ids = new Map<string, string>();
  for (const { client, userId } of Object.values(people)) {
    type Answer = {
      tasks: {
        edges: Array<{ node: { id: string; title: string; owner: { id: string } | null } }>;
        pageInfo: PageInfo;
      };
    };
    for await (const { tasks } of pages(client, LIST_TASKS, (answer: Answer) => answer.tasks.pageInfo)) {
      for (const { node } of tasks.edges) if (node.owner?.id === userId) ids.set(node.title, node.id);
    }
  }
  const now = Date.now();
  let count = 0;
  for (const { title, description, owner, assignee, status, priority, labels, dueInDays } of TASKS) {
    count += 1;
    if (ids.has(title)) continue;
    onProgress(`task ${count} of ${TASKS.length}`);
    const input = {
      title,
      description,
      status,
      priority,
      labels,
      dueAt: dueInDays === undefined ? undefined : new Date(now + dueInDays * DAY_MS).toISOString(),
      assigneeId: assignee && people[assignee].userId,
    };
    const { createTask } = await people[owner].client.run<{ createTask: { task: { id: string } } }>(CREATE_TASK, {
      input,
    });
    ids.set(title, createTask.task.id);
  }
  return ids;
}

const LIST_MEDIA =
  'query SeedMedia($after: String) { myMedia(first: 100, after: $after) { edges { node { id filename status } } pageInfo { hasNextPage endCursor } } }';
const UPLOAD = `mutation SeedUpload($file: Upload!, $altText: String) {
  uploadMedia(file: $file, altText: $altText) { __typename ... on UploadMediaSuccess { media { id } } }
}`;

async function seedPictures(
  people: Readonly<Record<DemoPersonKey, Person>>,
  onProgress: SeedOptions['onProgress'],
): Promise<Map<string, string>> {
  const ids = new Map<string, string>();
  for (const { client } of Object.values(people)) {
    type Answer = {
      myMedia: { edges: Array<{ node: { id: string; filename: string; status: string } }>; pageInfo: PageInfo };
    };
    for await (const { myMedia } of pages(client, LIST_MEDIA, (answer: Answer) => answer.myMedia.pageInfo)) {
      for (const { node } of myMedia.edges) if (node.status === 'READY') ids.set(node.filename, node.id);
    }
  }
  let count = 0;
  for (const picture of PICTURES) {
    count += 1;
    if (ids.has(picture.filename)) continue;
    onProgress(`picture ${count} of ${PICTURES.length}`);
    const { filename, mimeType, altText } = picture;
    const owner = people[ownerOf(filename)];
    const { uploadMedia } = await owner.client.upload<{ uploadMedia: { __typename: string; media?: { id: string } } }>(
      UPLOAD,
      { altText },
      { name: filename, type: mimeType, content: await renderPicture(picture) },
    );
    if (!uploadMedia.media) throw new Error(`${filename} was refused: ${uploadMedia.__typename}`);
    ids.set(filename, uploadMedia.media.id);
  }
  return ids;
}

/** A picture is uploaded by the owner of the task that it is for. */
function ownerOf(picture: DemoPictureName): DemoPersonKey {
  return TASKS.find(({ pictures }) => pictures?.includes(picture))?.owner ?? 'mara';
}

const ATTACH = 'mutation SeedAttach($input: AttachMediaInput!) { attachMedia(input: $input) { __typename } }';

async function attach(
  client: DemoClient,
  { title, pictures }: DemoTask,
  taskIds: ReadonlyMap<string, string>,
  pictureIds: ReadonlyMap<string, string>,
): Promise<void> {
  if (!pictures) return;
  const input = { taskId: lookUp(taskIds, title), mediaIds: pictures.map((picture) => lookUp(pictureIds, picture)) };
  const { attachMedia } = await client.run<{ attachMedia: { __typename: string } }>(ATTACH, { input });
  if (attachMedia.__typename !== 'AttachMediaSuccess')
    throw new Error(`the pictures of "${title}" were refused: ${attachMedia.__typename}`);
}

interface PageInfo {
  readonly hasNextPage: boolean;
  readonly endCursor: string | null;
}

/** Reads a connection page by page: people who have worked with the demo account since may have added a lot. */
async function* pages<Answer>(
  client: DemoClient,
  query: string,
  pageInfoOf: (answer: Answer) => PageInfo,
): AsyncGenerator<Answer> {
  let after: string | null = null;
  do {
    const answer: Answer = await client.run<Answer>(query, { after });
    yield answer;
    const { hasNextPage, endCursor } = pageInfoOf(answer);
    after = hasNextPage ? endCursor : null;
  } while (after !== null);
}

function lookUp(ids: ReadonlyMap<string, string>, key: string): string {
  const id = ids.get(key);
  if (id === undefined) throw new Error(`"${key}" was not made`);
  return id;
}
