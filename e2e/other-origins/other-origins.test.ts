import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createCleanup, smallPng } from '@taskgraph/testkit';
import { operation } from '../operations.js';
import { PASSWORD, startStory, type Person, type Story } from '../story.js';
import { hasBrowser, servePage, startBrowser, type BrowserPage } from './pages.js';

const withBrowser = hasBrowser ? describe : describe.skip;
const own = createCleanup();

withBrowser('a page in a browser', () => {
  let story: Story;
  let owner: Person;
  let listed: BrowserPage;
  let foreign: BrowserPage;
  let url: string;
  let picture: string;
  beforeAll(async () => {
    const use = <Started extends AsyncDisposable>(started: Started): Started => {
      own.add(async () => started[Symbol.asyncDispose]());
      return started;
    };
    const [here, elsewhere] = [use(await servePage()), use(await servePage())];
    story = use(await startStory({ settings: { CORS_ORIGINS: here.origin } }));
    url = story.gatewayUrl;
    owner = await story.newPerson('Olga Owner');
    picture = (await smallPng()).toString('base64');
    const browser = use(await startBrowser());
    [listed, foreign] = [await browser.open(here.origin), await browser.open(elsewhere.origin)];
  });
  afterAll(() => own.run());

  const countTasks = async () => story.graph?.countRows('task', 'tasks');
  const blocked = { failed: 'TypeError' };

  describe('of an origin that is listed', () => {
    it('logs in, changes and reads, with credentials, and sees the id of its request', async () => {
      const login = await listed.call('ask', url, operation('Login'), {
        input: { email: owner.email, password: PASSWORD },
      });
      expect(login).toMatchObject({ status: 200, requestId: expect.stringMatching(/^[\w-]{8,}$/) });
      const token = login.body.data.login.accessToken as string;
      const input = { title: 'From a page' };
      const created = await listed.call('ask', url, operation('CreateTask'), { input }, token);
      expect(created.body.data.createTask.task).toMatchObject(input);
      const read = await listed.call('get', url, '{ me { displayName } }', {
        authorization: `Bearer ${token}`,
        'apollo-require-preflight': '1',
      });
      expect(read.body).toEqual({ data: { me: { displayName: 'Olga Owner' } } });
    });

    it('reads why it is refused', async () => {
      expect(await listed.call('ask', url, '{')).toMatchObject({
        body: { errors: [{ extensions: { code: 'GRAPHQL_PARSE_FAILED' } }] },
      });
      expect(await listed.call('get', url, '{ __typename }', {})).toMatchObject({
        status: 400,
        body: { errors: [{ extensions: { code: 'BAD_REQUEST' } }] },
      });
    });

    it('uploads a picture', async () => {
      const uploaded = await listed.call('upload', url, operation('UploadMedia'), owner.accessToken, picture);
      expect(uploaded.body.data.uploadMedia).toMatchObject({
        __typename: 'UploadMediaSuccess',
        media: { filename: 'otter.png' },
      });
    });

    it('hears of changes over a WebSocket, an EventSource and a stream that it fetches', async () => {
      const taskId = await owner.addTask({ title: 'Watched' });
      const asked = [url, operation('TaskChanged'), { taskId }, owner.accessToken];
      expect(await listed.call('overWebSocket', 'socket', ...asked)).toBe('acknowledged');
      expect(await listed.call('overFetch', 'stream', ...asked)).toBe(200);
      expect(await listed.call('overEventSource', 'source', await listed.call('ticket', ...asked))).toBe('open');
      const transports = ['socket', 'stream', 'source'];
      const firsts = async () =>
        (await Promise.all(transports.map((name) => listed.heard(name)))).map(([first]) => first);
      // A subscription begins some time after it was asked for.
      for (let version = 1; (await firsts()).includes(undefined); version += 1)
        await owner.run('UpdateTask', {
          input: { id: taskId, expectedVersion: version, title: `Changed ${version}` },
        });
      const heard = { data: { taskChanged: { kind: 'UPDATED', task: { id: taskId } } } };
      expect(await firsts()).toMatchObject([heard, heard, heard]);
    });

    it('is told why it gets no ticket, and opens nothing with a ticket for something else', async () => {
      const refused = await listed.call('ask', `${url}/event-source`, operation('TaskChanged'), {}, 'no.such.token');
      expect(refused).toMatchObject({ status: 401, body: { errors: [{ extensions: { reason: 'TOKEN_INVALID' } }] } });
      const ticket = await listed.call('ticket', url, '{ me { id } }', {}, owner.accessToken);
      expect(await listed.call('overEventSource', 'other', ticket.replace('id', 'email'))).toBe('closed');
    });
  });

  describe('of another origin', () => {
    it('changes nothing and reads nothing, whatever token it has', async () => {
      const before = await countTasks();
      const input = { title: 'From elsewhere' };
      expect(await foreign.call('ask', url, operation('CreateTask'), { input }, owner.accessToken)).toEqual(blocked);
      expect(
        await foreign.call('ask', url, operation('Login'), { input: { email: owner.email, password: PASSWORD } }),
      ).toEqual(blocked);
      expect(await foreign.call('get', url, '{ __typename }', {})).toEqual(blocked);
      expect(await foreign.call('upload', url, operation('UploadMedia'), owner.accessToken, picture)).toEqual(blocked);
      expect(await countTasks()).toBe(before);
    });

    it('hears nothing', async () => {
      const asked = [
        url,
        operation('TaskChanged'),
        { taskId: await owner.addTask({ title: 'Watched' }) },
        owner.accessToken,
      ];
      expect(await foreign.call('overWebSocket', 'socket', ...asked)).toBe('closed 1006');
      expect(await foreign.call('overFetch', 'stream', ...asked)).toEqual(blocked);
      expect(await foreign.call('ticket', ...asked)).toEqual(blocked);
      const stolen = await listed.call('ticket', ...asked);
      expect(await foreign.call('overEventSource', 'stolen', stolen)).toBe('closed');
      expect(
        await foreign.call('overEventSource', 'source', `${url}?query=${encodeURIComponent('{ __typename }')}`),
      ).toBe('closed');
    });
  });
});
