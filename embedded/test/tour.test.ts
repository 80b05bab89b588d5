import { execFile, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createLauncher, type Launcher, type Run } from './launcher.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The shell lines of each step of the README's tour, by its number. */
async function readTour(): Promise<ReadonlyMap<number, readonly string[]>> {
  const readme = await readFile(`${ROOT}/README.md`, 'utf8');
  const tour = readme.split('## The five-minute tour')[1]?.split('\n## ')[0] ?? '';
  const steps = tour.split(/^\*\*(\d)\. /m).slice(1);
  const numbered = new Map<number, string[]>();
  for (let index = 0; index < steps.length; index += 2)
    numbered.set(
      Number(steps[index]),
      [...(steps[index + 1] ?? '').matchAll(/```sh\n([^]*?)```/g)].map(([, lines]) => lines ?? ''),
    );
  return numbered;
}

describe('the tour of the README', () => {
  let launcher: Launcher;
  let run: Run;
  let tour: ReadonlyMap<number, readonly string[]>;
  /** What the reader exports. */
  const variables: Record<string, string> = {};

  beforeAll(async () => {
    tour = await readTour();
    launcher = await createLauncher();
    run = launcher.run(['--no-seed']);
    await run.until('Taskgraph runs');
  });
  afterAll(async () => {
    await launcher[Symbol.asyncDispose]();
  });

  /** The lines as they stand there, but for the port, and for what the reader is to fill in. */
  function linesOf(step: number, block = 0): string {
    const lines = tour.get(step)?.[block] ?? '';
    return lines
      .replaceAll('http://127.0.0.1:3000', launcher.graphqlUrl.replace('/graphql', ''))
      .replace(/^export .*$/gm, '');
  }

  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- answers are walked through as they are
  function follow(step: number, block = 0): Promise<any> {
    const { PATH = '' } = process.env;
    return new Promise((resolve, reject) => {
      execFile('bash', ['-c', linesOf(step, block)], { cwd: ROOT, env: { PATH, ...variables } }, (error, stdout) => {
        try {
          resolve(JSON.parse(stdout));
        } catch (cause) {
          reject(new Error(`step ${step} printed ${stdout}`, { cause: error ?? cause }));
        }
      });
    });
  }

  it('has six steps', () => {
    expect([...tour.keys()]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('signs up, creates a task, uploads the picture that lies there, and attaches it', async () => {
    const { data: signedUp } = await follow(1);
    variables['TOKEN'] = signedUp.register.accessToken;
    const { data: created } = await follow(2);
    variables['TASK'] = created.createTask.task.id;
    const { data: uploaded } = await follow(3);
    expect(uploaded.uploadMedia.media).toMatchObject({ status: 'READY', width: 800, height: 600 });
    variables['MEDIA'] = uploaded.uploadMedia.media.id;
    const { data: attached } = await follow(4);
    expect(attached.attachMedia.task.media.totalCount).toBe(1);
    expect((await follow(4)).data).toEqual(attached);
  });

  it('hears of another picture at once', async () => {
    const { PATH = '' } = process.env;
    // curl itself, so that it can be ended.
    const watching = spawn('bash', ['-c', `exec ${linesOf(4, 1).trim()}`], {
      cwd: ROOT,
      env: { PATH, ...variables },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let heard = '';
    watching.stdout.setEncoding('utf8').on('data', (text: string) => (heard += text));
    const ended = new Promise((resolve) => watching.once('close', resolve));
    try {
      // Nothing else tells that it listens: what is attached before that it does not hear of.
      while (!heard.includes('event: next')) {
        const { data } = await follow(3);
        variables['MEDIA'] = data.uploadMedia.media.id;
        await follow(4);
      }
      expect(heard).toContain('"attachedBy":{"displayName":"Me"}');
    } finally {
      watching.kill();
      await ended;
    }
  });

  it('reads it all back, and without media what is left', async () => {
    const { data, errors } = await follow(5);
    expect(errors).toBeUndefined();
    expect(data.task).toMatchObject({ title: 'Hang the picture', owner: { displayName: 'Me' } });
    expect(data.task.media.edges[0].node).toMatchObject({ filename: 'picture.jpg', width: 800 });
    const [command = ''] = tour.get(6) ?? [];
    expect(await run.stop()).toBe(0);
    run = launcher.run(['--no-seed', ...command.trim().replace('npm start -- ', '').split(' ')]);
    await run.until('left out: media');
    await run.until('Taskgraph runs');
    const broken = await follow(5);
    expect(broken.data.task).toMatchObject({ title: 'Hang the picture', owner: { displayName: 'Me' } });
    for (const { node } of broken.data.task.media?.edges ?? [{ node: null }]) expect(node?.width ?? null).toBeNull();
    expect(broken.errors[0].extensions).toMatchObject({ code: 'UNAVAILABLE', subgraph: 'media' });
    expect(await run.stop()).toBe(0);
  });
});
