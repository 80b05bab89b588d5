import { afterAll, beforeAll, expect, it } from '@jest/globals';
import {
  expectData,
  expectErrorCode,
  postGraphQL,
  smallPng,
  type SpawnedGraph,
  type SubgraphName,
} from '@taskgraph/testkit';
import { columnsOf, EXPORTED } from './exported-columns.js';
import { readZip } from './read-zip.js';
import { PASSWORD, startStory, withServers, type Person, type Story } from '../story.js';

interface Export {
  readonly id: string;
  readonly status: string;
  readonly url: string | null;
  readonly expiresAt: string | null;
}

it.each(Object.entries(EXPORTED))(
  'knows of each column of %s whether it is exported',
  (name, { columns, withheld }) => {
    const [service, model = ''] = name.split('.');
    expect([...columns, ...Object.keys(withheld)].sort()).toEqual(columnsOf(service as SubgraphName, model).sort());
  },
);

withServers('an export of what there is of somebody', () => {
  let story: Story;
  let graph: SpawnedGraph;
  let ada: Person;
  let ben: Person;
  let ready: Export;

  beforeAll(async () => {
    story = await startStory({ withEvents: true });
    graph = story.graph as SpawnedGraph;
    [ada, ben] = [await story.newPerson('Ada'), await story.newPerson('Ben')];
  });
  afterAll(async () => {
    await story[Symbol.asyncDispose]();
  });

  const request = async (who: Person): Promise<Export> =>
    expectData(await who.run('RequestDataExport')).requestDataExport;
  const look = async (who: Person, id: string): Promise<Export> =>
    expectData(await who.run('DataExport', { id })).dataExport;
  async function untilEnded(who: Person, id: string): Promise<Export> {
    for (;;) {
      const found = await look(who, id);
      if (found.status !== 'PENDING') return found;
    }
  }
  async function entriesOf(url: string): Promise<Map<string, Buffer>> {
    const response = await fetch(url);
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/zip']);
    return readZip(Buffer.from(await response.arrayBuffer()));
  }

  it('is pending while a service is down, the same for two who ask at once, and ready when it is back', async () => {
    const picture = await smallPng();
    const mediaId = await ada.addPicture(picture, 'engine.png');
    const second = await ada.addPicture(await smallPng('gold'), 'gold.png');
    await ada.addTask({ title: 'Notes on the engine', description: 'Ünïcode' });
    const bens = await ben.addTask({ title: "Ben's", description: 'a secret', assigneeId: ada.id });
    expectData(await ada.run('AttachMedia', { input: { taskId: bens, mediaIds: [second] } }));
    const changed = await postGraphQL(story.gatewayUrl, {
      query: 'mutation($input: ChangeEmailInput!) { changeEmail(input: $input) { __typename } }',
      variables: { input: { email: 'ada.king@example.com', password: PASSWORD } },
      token: ada.accessToken,
    });
    expect(expectData(changed).changeEmail.__typename).toBe('ChangeEmailRequested');
    expectData(await ada.run('StartTotp'));
    await graph.kill('auth');
    // Auth is down: who asks is known by the token.
    const [one, two] = await Promise.all([request(ada), request(ada)]);
    expect(one).toMatchObject({ id: two.id, status: 'PENDING', url: null, expiresAt: null });
    await graph.restart('auth');
    ready = await untilEnded(ada, one.id);
    expect(ready).toMatchObject({ status: 'READY', url: expect.any(String), expiresAt: expect.any(String) });
    expect((await request(ada)).id).toBe(one.id);

    const entries = await entriesOf(ready.url ?? '');
    const json = (name: string) => JSON.parse(entries.get(name)?.toString('utf8') ?? 'null') as unknown;
    expect(json('auth/account.json')).toMatchObject([{ id: ada.id, email: ada.email, displayName: 'Ada' }]);
    expect(json('auth/sessions.json')).toHaveLength(1);
    expect(json('auth/audit-log.json')).toMatchObject([{ action: 'REGISTER' }, { action: 'DATA_EXPORT' }]);
    expect(json('task/tasks.json')).toMatchObject([{ title: 'Notes on the engine', description: 'Ünïcode' }]);
    expect(json('task/tasks-given-to-you.json')).toMatchObject([{ title: "Ben's" }]);
    expect(json('media/media.json')).toMatchObject([{ id: mediaId, filename: 'engine.png' }, { id: second }]);
    for (const { file, columns, derived = [] } of Object.values(EXPORTED)) {
      const [row = {}] = json(file) as object[];
      // What a task shows is told with it.
      expect([
        file,
        Object.keys(row)
          .filter((name) => name !== 'media')
          .sort(),
      ]).toEqual([file, [...columns, ...derived].sort()]);
    }
    expect(entries.get(`media/files/${mediaId}-engine.png`)?.equals(picture)).toBe(true);
    const text = [...entries.values()].map((bytes) => bytes.toString('utf8')).join('\n');
    for (const secret of ['argon2', 'passwordHash', 'cookieHash', 'a secret', ben.email])
      expect(text).not.toContain(secret);
    // What was sent is taken back.
    for (const service of ['auth', 'task'] as const)
      while ((await graph.countRows(service, 'outbox', "type LIKE '%.data-exported.v1'")) > 0);
    expect(await graph.countRows('media', 'data_export_parts')).toBe(0);
  });

  it('is for nobody else, and its link cannot be forged or used for another', async () => {
    expectErrorCode(await ben.run('DataExport', { id: ready.id }), 'NOT_FOUND');
    expectErrorCode(await ben.run('DataExport', { id: 'garbage' }), 'NOT_FOUND');
    expectErrorCode(await story.run('RequestDataExport'), 'UNAUTHENTICATED');
    const bens = await untilEnded(ben, (await request(ben)).id);
    const url = new URL(ready.url ?? '');
    const forged = [
      url.href.replace(ready.id, bens.id),
      url.href.replace(/expires=\d+/, 'expires=99999999999'),
      url.href.replace('/exports/', '/files/'),
      url.href.replace(/signature=.*/, 'signature='),
      url.origin + url.pathname,
    ];
    for (const each of forged) expect([403, 404]).toContain((await fetch(each)).status);
    expect((await fetch(url)).status).toBe(200);
  });

  it('is removed when its time is over', async () => {
    await graph.runSql('media', "UPDATE data_exports SET expires_at = now() - interval '1 second' WHERE id = $1", [
      ready.id,
    ]);
    expect((await fetch(ready.url ?? '')).status).toBe(404);
    await graph.restart('media');
    for (;;) if ((await look(ada, ready.id)).status === 'EXPIRED') break;
    expect((await graph.storedFiles()).filter((file) => file.includes(ready.id))).toEqual([]);
    const again = await request(ada);
    expect(again.id).not.toBe(ready.id);
    expect((await untilEnded(ada, again.id)).status).toBe('READY');
  });
});
