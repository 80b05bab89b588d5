import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { silentLog, startCluster } from '@taskgraph/databases';
import {
  cloneDatabase,
  createEmptyDatabase,
  hasPubSubEmulator,
  startPubSubEmulator,
  type PubSubEmulator,
} from '@taskgraph/testkit';
import pg from 'pg';
import { runEventsCli } from '../../src/events/cli/run.js';
import { PoisonEvent } from '../../src/events/event-bus.js';
import { createPubSubEventBus } from '../../src/events/pubsub-event-bus.js';
import { createLog } from '../../src/log.js';
import { aConsumer, anEvent, until } from '../event-consumer.js';

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));
const log = createLog({ service: 'test', level: 'silent' });
/** Where no embedded system runs. */
const NOWHERE = path.join(tmpdir(), 'taskgraph-no-such-data');

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `npm run events -- …` as its script does, in a process of its own: a second or two. */
function eventsProcess(line: string, env: Record<string, string> = {}): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['scripts/taskgraph.mjs', 'events', ...line.split(' ').filter(Boolean)],
      { cwd: ROOT, env: { PATH: process.env['PATH'], TASKGRAPH_DATA_DIR: NOWHERE, ...env } },
      (error, stdout, stderr) =>
        resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, stdout, stderr }),
    );
  });
}

/** The same command in this process, where no embedded system runs and nobody is there to be asked. */
async function events(line: string, env: Record<string, string> = {}): Promise<Ended> {
  const [out, err]: [string[], string[]] = [[], []];
  const code = await runEventsCli({
    args: line.split(' ').filter(Boolean),
    env,
    findEmbedded: async () => null,
    print: (text) => void out.push(`${text}\n`),
    printError: (text) => void err.push(`${text}\n`),
    confirm: () => Promise.reject(new Error('Nobody is there to be asked.')),
  });
  return { code, stdout: out.join(''), stderr: err.join('') };
}

async function connect(url: string): Promise<pg.Client & AsyncDisposable> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}

const BURY = `INSERT INTO dead_letters (group_name, event_id, envelope, error, attempts, died_at) VALUES ($1, $2, $3, $4, $5, $6)`;
const OUTBOX = `SELECT id, position, type, subject, data, time, request_id, published_at FROM outbox ORDER BY position`;

describe('npm run events on databases', () => {
  it('lists dead letters in a table, the oldest first', async () => {
    await using database = await cloneDatabase('media');
    const env = { MEDIA_DATABASE_URL: database.url };
    expect(await eventsProcess('list-dead', env)).toEqual({
      code: 0,
      stdout: 'There are no dead letters in the database of media.\n',
      stderr: '',
    });
    await using client = await connect(database.url);
    const [older, newer] = [
      anEvent({ subject: 'short' }),
      anEvent({ type: 'task.media-attached.v1', subject: 'longer one' }),
    ];
    await client.query(BURY, ['media', newer.id, newer, 'no\u001b[31m room', 5, '2026-11-25T12:00:02Z']);
    await client.query(BURY, ['media', older.id, older, 'it does not fit', 1, '2026-11-25T12:00:01Z']);
    const { code, stdout } = await events('list-dead', env);
    expect(code).toBe(0);
    expect(stdout.split('\n')).toEqual([
      'ID                                    DIED AT                   GROUP  TRIES  TYPE                    SUBJECT     ERROR',
      `${older.id}  2026-11-25T12:00:01.000Z  media  1      task.updated.v1         short       it does not fit`,
      `${newer.id}  2026-11-25T12:00:02.000Z  media  5      task.media-attached.v1  longer one  no [31m room`,
      '',
    ]);
  });

  it('replays an event through the outbox of its producer, whether that still has it or not, and tells its relay', async () => {
    await using task = await cloneDatabase('task');
    await using media = await cloneDatabase('media');
    const env = { TASK_DATABASE_URL: task.url, MEDIA_DATABASE_URL: media.url };
    await using producer = await connect(task.url);
    await using consumer = await connect(media.url);
    const [kept, forgotten] = [anEvent({ requestId: 'r-1' }), anEvent()];
    await producer.query(
      `INSERT INTO outbox (position, id, type, subject, data, time, published_at) VALUES ($1, $2, $3, $4, $5, $6, now())`,
      [kept.sequence, kept.id, kept.type, kept.subject, kept.data, kept.time],
    );
    for (const event of [kept, forgotten])
      await consumer.query(BURY, ['media', event.id, event, 'no', 5, '2026-11-25T12:00:01Z']);
    const heard: Array<string | undefined> = [];
    producer.on('notification', ({ payload }) => heard.push(payload));
    await producer.query('LISTEN outbox');

    expect(await events(`replay ${kept.id}`, env)).toEqual({
      code: 0,
      stdout: `Replayed ${kept.id} (task.updated.v1) for media.\n`,
      stderr: '',
    });
    expect((await consumer.query('SELECT event_id FROM dead_letters')).rows).toEqual([{ event_id: forgotten.id }]);
    const replayed = await events('replay all --json', env);
    expect(replayed.code).toBe(0);
    expect(JSON.parse(replayed.stdout)).toEqual({
      replayed: [{ id: forgotten.id, group: 'media', type: 'task.updated.v1' }],
      left: 0,
    });

    const { rows } = await producer.query(OUTBOX);
    expect(rows).toMatchObject([
      { id: kept.id, position: kept.sequence, published_at: null },
      {
        id: forgotten.id,
        position: forgotten.sequence,
        type: forgotten.type,
        subject: forgotten.subject,
        data: forgotten.data,
        time: new Date(forgotten.time),
        published_at: null,
      },
    ]);
    await until(() => heard.length === 2);
    expect(heard).toEqual(rows.map(({ subject, position }) => `${subject} ${position}`));
    expect((await consumer.query('SELECT 1 FROM dead_letters')).rowCount).toBe(0);
    expect(await events('replay all', env)).toMatchObject({
      code: 0,
      stdout: 'There are no dead letters in the databases of task, media.\n',
    });
  });

  it('keeps a dead letter that it cannot replay, and says why', async () => {
    await using media = await cloneDatabase('media');
    const env = { MEDIA_DATABASE_URL: media.url };
    await using client = await connect(media.url);
    const [event, garbage] = [anEvent(), anEvent()];
    await client.query(BURY, ['media', event.id, event, 'no', 5, '2026-11-25T12:00:01Z']);
    await client.query(BURY, ['media', garbage.id, { not: 'an event' }, 'no', 1, '2026-11-25T12:00:02Z']);

    expect(await events(`replay ${event.id}`, env)).toEqual({
      code: 1,
      stdout: '',
      stderr: `DATABASE_MISSING: Event ${event.id} is one of task, whose database is not known.\n→ Set TASK_DATABASE_URL.\n`,
    });
    expect(await events(`replay ${garbage.id}`, env)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('NOT_AN_EVENT'),
    });
    expect(await events('replay 7', env)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('NO_SUCH_DEAD_LETTER'),
    });
    expect((await client.query('SELECT 1 FROM dead_letters')).rowCount).toBe(2);

    expect(await eventsProcess(`discard ${garbage.id}`, env)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^NOT_CONFIRMED: .*Nobody is there to be asked\.\n→ Add --yes/),
    });
    expect((await client.query('SELECT 1 FROM dead_letters')).rowCount).toBe(2);
    expect(await events(`discard ${garbage.id} --yes`, env)).toMatchObject({
      code: 0,
      stdout: `Discarded ${garbage.id} of media.\n`,
    });
    expect((await client.query('SELECT event_id FROM dead_letters')).rows).toEqual([{ event_id: event.id }]);
    const discarded = await events(`discard ${event.id} --yes --json`, env);
    expect(JSON.parse(discarded.stdout)).toEqual({
      discarded: [{ id: event.id, group: 'media', type: 'task.updated.v1' }],
    });
    expect(JSON.parse((await events('replay all --json', env)).stdout)).toEqual({ replayed: [], left: 0 });
  });

  it('finds the databases of an embedded system that runs', async () => {
    const dataDir = await mkdtemp(path.join(tmpdir(), 'taskgraph-events-'));
    try {
      await chmod(dataDir, 0o755);
      await using cluster = await startCluster({
        dataDir: path.join(dataDir, 'postgres'),
        persistent: true,
        log: silentLog,
      });
      for (const name of ['auth', 'task', 'media']) await cluster.ensureDatabase(name);
      expect(await eventsProcess('list-dead', { TASKGRAPH_DATA_DIR: dataDir })).toEqual({
        code: 1,
        stdout: '',
        stderr:
          'DATABASE_NOT_MIGRATED: The database of auth has no table for dead letters yet.\n→ npm run migrate -- auth up\n',
      });
    } finally {
      await rm(dataDir, { recursive: true, force: true });
    }
  });

  it('explains wrong arguments, missing settings and databases that do not answer', async () => {
    for (const line of ['help', '--help', 'replay --help'])
      expect(await events(line)).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('Usage: npx taskgraph events'),
      });
    for (const [line, fault] of [
      ['', 'Say what to do.'],
      ['--json', 'Say what to do.'],
      ['fly', 'There is no command "fly"'],
      ['replay', 'replay needs the id of one dead letter, or all'],
      ['discard all', 'discard needs the id of one dead letter'],
      ['list-dead --all', 'There is no option "--all"'],
      ['topology', 'Say: topology apply'],
    ] as const)
      expect(await events(line)).toMatchObject({ code: 2, stderr: expect.stringContaining(fault) });
    for (const line of ['list-dead', 'replay all', 'topology apply'])
      expect(await events(line)).toMatchObject({ code: 78, stderr: expect.stringMatching(/^NOT_CONFIGURED: /) });
    expect(
      await events('list-dead', { TASK_DATABASE_URL: 'no url', PUBSUB_PROJECT_ID: 'Not A Project' }),
    ).toMatchObject({
      code: 78,
      stderr: expect.stringMatching(/PUBSUB_PROJECT_ID: must be.*\n.*TASK_DATABASE_URL: must be/),
    });
    expect(await events('list-dead', { TASK_DATABASE_URL: 'postgresql://u:p@127.0.0.1:1/task' })).toMatchObject({
      code: 1,
      stderr:
        'DATABASE_UNREACHABLE: The database of task at 127.0.0.1:1 does not answer (ECONNREFUSED).\n→ Start it, or correct its URL.\n',
    });
    await using empty = await createEmptyDatabase();
    expect(await events('list-dead', { TASK_DATABASE_URL: empty.url })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('npm run migrate -- task up'),
    });
  });
});

(hasPubSubEmulator() ? describe : describe.skip)('npm run events on Pub/Sub', () => {
  let emulator: PubSubEmulator;
  let env: { PUBSUB_PROJECT_ID: string; PUBSUB_EMULATOR_HOST: string };
  beforeAll(async () => {
    emulator = await startPubSubEmulator();
    env = { PUBSUB_PROJECT_ID: 'taskgraph-events', PUBSUB_EMULATOR_HOST: emulator.host };
    process.env['PUBSUB_EMULATOR_HOST'] = emulator.host;
  });
  afterAll(async () => {
    delete process.env['PUBSUB_EMULATOR_HOST'];
    await emulator.stop();
  });

  it('applies the topology, lists what died, and replays it for the group that failed', async () => {
    const where = `the Pub/Sub emulator at ${emulator.host}, project taskgraph-events`;
    expect(await events('list-dead', env)).toEqual({
      code: 1,
      stdout: '',
      stderr: `TOPOLOGY_MISSING: There are no topics and subscriptions in ${where}.\n→ npm run events -- topology apply\n`,
    });
    const applied = await events('topology apply', env);
    expect(applied).toMatchObject({ code: 0, stderr: '' });
    for (const name of [
      'auth-events',
      'task-events',
      'media-events',
      'dead-letters',
      'dead-letters.inspect',
      'task-events.media',
    ])
      expect(applied.stdout).toContain(`created ${name}\n`);
    expect(await events('topology apply', env)).toMatchObject({ code: 0, stdout: `All is in order in ${where}.\n` });
    expect(JSON.parse((await events('topology apply --json', env)).stdout)).toEqual({ changes: [] });
    expect(await events('list-dead', env)).toMatchObject({
      code: 0,
      stdout: `There are no dead letters in ${where}.\n`,
    });

    const bus = createPubSubEventBus({ projectId: env.PUBSUB_PROJECT_ID, log });
    try {
      let isMended = false;
      const consumer = aConsumer(() => {
        if (!isMended) throw new PoisonEvent('version 9 is not known');
      });
      await bus.subscribe({ group: 'media', topics: ['task-events'], lifetime: 'durable', handle: consumer.handle });
      const [event, other] = [anEvent({ type: 'task.updated.v9' }), anEvent()];
      expect((await bus.publish([event, other])).failed.size).toBe(0);
      // Looking takes nothing away.
      await until(async () => {
        const { stdout } = await events('list-dead', env);
        return stdout.includes(other.id) && stdout.includes(event.id);
      });
      const { stdout } = await events('list-dead', env);
      expect(stdout).toMatch(
        new RegExp(
          `^${event.id}  \\S+Z  media  1 +task\\.updated\\.v9 +${event.subject}  version 9 is not known$`,
          'm',
        ),
      );

      isMended = true;
      expect(await events(`replay ${event.id}`, env)).toEqual({
        code: 0,
        stdout: `Replayed ${event.id} (task.updated.v9) for media.\n`,
        stderr: '',
      });
      await consumer.untilDone(event.id);
      expect(consumer.tries.at(-1)?.event).toEqual(event);
      const left = await events('list-dead', env);
      expect(left.stdout).not.toContain(event.id);
      expect(await events(`discard ${other.id} --yes`, env)).toMatchObject({ code: 0 });
      expect(await events('list-dead', env)).toMatchObject({ stdout: `There are no dead letters in ${where}.\n` });
    } finally {
      await bus.close();
    }
  });

  it('says that Pub/Sub does not answer', async () => {
    const away = { ...env, PUBSUB_EMULATOR_HOST: '127.0.0.1:1' };
    for (const line of ['list-dead', 'topology apply'])
      expect(await eventsProcess(line, away)).toMatchObject({
        code: 1,
        stdout: '',
        stderr: expect.stringMatching(
          /^PUBSUB_UNREACHABLE: the Pub\/Sub emulator at 127\.0\.0\.1:1, project taskgraph-events does not answer: .*ECONNREFUSED/,
        ),
      });
  });
});
