import { execFile } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { largeJpeg, smallPng, type SpawnedGraph } from '@taskgraph/testkit';
import { startStory, type Person, type Story } from '../story.js';

const SCRIPT = fileURLToPath(new URL('../../scripts/taskgraph.mjs', import.meta.url));
/** `KILLS=30 npm test -- e2e/killed-media` is the long form. */
const KILLS = Number(process.env['KILLS'] ?? 4);
const UPLOADS_AT_ONCE = 3;
/** Whatever is under way, an upload or the processing of one, is cut off somewhere in here. */
const LONGEST_LIFE_MS = 1_500;

describe(`media is killed ${KILLS} times, while files come and are processed`, () => {
  let story: Story;
  let ada: Person;
  let graph: SpawnedGraph;
  beforeAll(async () => {
    // Answered at once, so that what is killed is being processed; and taken by the next process soon.
    story = await startStory({ settings: { MEDIA_PROCESSING_WAIT_MS: '1', MEDIA_JOB_LEASE_MS: '1000' } });
    ada = await story.newPerson('Ada');
    graph = story.graph as SpawnedGraph;
  });
  afterAll(async () => {
    await story?.[Symbol.asyncDispose]();
  });

  /** What an operator runs, when nothing is under way any more. */
  function command(...parameters: string[]): Promise<{ code: unknown; stdout: string }> {
    const { PATH = '', HOME = '' } = process.env;
    const urls = Object.entries(graph.databases).map(([name, { url }]) => [`${name.toUpperCase()}_DATABASE_URL`, url]);
    const env = { PATH, HOME, ENV_FILE: '', TASKGRAPH_DATA_DIR: graph.dataDir, ...Object.fromEntries(urls) };
    return new Promise((resolve) => {
      execFile(process.execPath, [SCRIPT, 'media', ...parameters], { env }, (error, stdout) =>
        resolve({ code: error?.code ?? 0, stdout }),
      );
    });
  }

  it(
    'and loses nothing that it has acknowledged, nor leaves anything half',
    async () => {
      const pictures = [await smallPng(), await largeJpeg()];
      const acknowledged: string[] = [];
      const upload = async (content: Buffer): Promise<boolean> => {
        const { body } = await ada.upload({ filename: 'a.png', content, contentType: 'image/png' });
        const id = (body.data as { uploadMedia?: { media?: { id: string } } } | null)?.uploadMedia?.media?.id;
        if (id !== undefined) acknowledged.push(id);
        return id !== undefined;
      };
      for (let kill = 0; kill < KILLS; kill += 1) {
        const uploads = Array.from({ length: UPLOADS_AT_ONCE }, (_, index) =>
          upload(pictures[(kill + index) % pictures.length] as Buffer),
        );
        await delay(Math.random() * LONGEST_LIFE_MS);
        await graph.kill('media', 'SIGKILL');
        await graph.restart('media');
        await Promise.all(uploads);
      }
      // The gateway sees by and by that media is back.
      while (!(await upload(pictures[0] as Buffer)));

      const count = (where: string) => graph.countRows('media', 'media_items', where);
      while ((await count(`status = 'PROCESSING'`)) > 0) await delay(50);
      expect(await count(`id IN ('${acknowledged.join("','")}')`)).toBe(acknowledged.length);

      expect(await command('sweep', '--yes')).toMatchObject({ code: 0 });
      expect(await command('verify')).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('Every item has its files.'),
      });
      // What failed did so because it was killed three times, and nothing else did.
      expect(await count(`status = 'FAILED' AND failure_reason <> 'TOO_COMPLEX'`)).toBe(0);
    },
    60_000 + KILLS * 60_000,
  );
});
