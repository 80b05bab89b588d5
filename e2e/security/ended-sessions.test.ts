import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectData, expectErrorCode, postGraphQL, subscribeGraphQL, type GraphQLResult } from '@taskgraph/testkit';
import { createClient as createSseClient } from 'graphql-sse';
import { operation } from '../operations.js';
import { PASSWORD, startStory, tokensOf, withServers, type Person, type Story } from '../story.js';

const TASKS = '{ tasks(first: 1) { totalCount } }';
const MEDIA = '{ myMedia(first: 1) { totalCount } }';
const USERS = 'query($id: ID!) { user(id: $id) { id } }';

/** Asks until it is refused, however busy the machine is; how long that may take is held by the settings. */
async function untilRefused(ask: () => Promise<GraphQLResult>): Promise<unknown> {
  for (;;) {
    const answer = await ask();
    if (!answer.body.errors) continue;
    const { reason, cause } = expectErrorCode(answer, 'UNAUTHENTICATED').extensions ?? {};
    return cause ?? reason;
  }
}

/** At each port by itself: a gateway that refuses first would hide the others. */
function endpointsOf(story: Story, { accessToken: token, id }: Person): Record<string, () => Promise<GraphQLResult>> {
  const urls = story.graph?.urls;
  if (!urls) throw new Error('this story starts its own processes');
  return {
    gateway: () => postGraphQL(story.gatewayUrl, { query: TASKS, token }),
    task: () => postGraphQL(urls.task, { query: TASKS, token }),
    media: () => postGraphQL(urls.media, { query: MEDIA, token }),
    auth: () => postGraphQL(urls.auth, { query: USERS, variables: { id }, token }),
  };
}

async function expectAllClosed(story: Story, person: Person): Promise<void> {
  const reasons = Object.values(endpointsOf(story, person)).map((ask) => untilRefused(ask));
  expect(await Promise.all(reasons)).toEqual(Array.from(reasons, () => 'SESSION_REVOKED'));
}

async function expectAllOpen(story: Story, person: Person): Promise<void> {
  for (const ask of Object.values(endpointsOf(story, person))) expectData(await ask());
}

withServers('a session that has ended, where Redis tells of it', () => {
  let story: Story;
  beforeAll(async () => {
    // So rare that only Redis can have told.
    story = await startStory({ withEvents: true, settings: { REVOCATION_POLL_MS: '600000' } });
  });
  afterAll(async () => {
    await story[Symbol.asyncDispose]();
  });

  it('opens nothing at any process, and its subscriptions are closed; another session of the same person goes on', async () => {
    const ada = await story.newPerson('Ada');
    const elsewhere = tokensOf(
      (await story.run('Login', { input: { email: ada.email, password: PASSWORD } })).body,
      'login',
    );
    const taskId = await ada.addTask({ title: 'Watched' });
    await expectAllOpen(story, ada);
    const query = operation('TaskChanged');
    const variables = { taskId };
    await using watching = subscribeGraphQL(story.gatewayUrl, { query, variables, token: ada.accessToken });
    await using other = subscribeGraphQL(story.gatewayUrl, { query, variables, token: elsewhere.accessToken });
    const stream = createSseClient({
      url: story.gatewayUrl,
      headers: { authorization: `Bearer ${ada.accessToken}` },
      retryAttempts: 0,
    }).iterate({ query, variables });
    const first = stream.next();
    const rename = async (title: string) => {
      const { task } = expectData(await readTask());
      return postGraphQL(story.gatewayUrl, {
        query: operation('UpdateTask'),
        variables: { input: { id: taskId, expectedVersion: task.version, title } },
        token: elsewhere.accessToken,
      });
    };
    const readTask = () =>
      postGraphQL(story.gatewayUrl, {
        query: 'query($taskId: ID!) { task(id: $taskId) { version } }',
        variables,
        token: elsewhere.accessToken,
      });
    // All three are there when they hear of the same change.
    const heard = Promise.all([watching.events(1), other.events(1), first]);
    let isHeard = false;
    void heard.then(() => (isHeard = true));
    for (let round = 0; !isHeard; round += 1) expectData(await rename(`Round ${round}`));
    await heard;

    expectData(await ada.run('Logout'));
    await expectAllClosed(story, ada);
    for (;;) {
      const next = await watching.next();
      if (next.kind === 'event') continue;
      expect(next).toEqual({ kind: 'closed', code: 4403 });
      break;
    }
    for (;;) {
      const next = await stream.next();
      if (next.done) break;
      if (next.value.errors) {
        expect(next.value.errors[0]?.extensions?.['reason']).toBe('SESSION_REVOKED');
        break;
      }
    }
    expectData(await rename('The last'));
    for (;;) {
      const [event] = await other.events(1);
      if (event?.body.data?.taskChanged.task.title === 'The last') break;
    }
  });

  it('opens nothing when a spent refresh token has ended it', async () => {
    const ada = await story.newPerson('Ada');
    tokensOf((await story.run('RefreshSession', { refreshToken: ada.refreshToken })).body, 'refreshSession');
    await story.graph?.runSql('auth', `UPDATE refresh_tokens SET spent_at = spent_at - interval '1 minute'`);
    await story.run('RefreshSession', { refreshToken: ada.refreshToken });
    await expectAllClosed(story, ada);
  });
});

describe.each([
  ['without Redis', {}],
  ['where Redis is away', { REDIS_URL: 'redis://127.0.0.1:1' }],
])('a session that has ended, %s', (_where, settings) => {
  let story: Story;
  beforeAll(async () => {
    story = await startStory({ settings: { REVOCATION_POLL_MS: '500', ...settings } });
  });
  afterAll(async () => {
    await story[Symbol.asyncDispose]();
  });

  it('opens nothing at any process after the next poll', async () => {
    const ada = await story.newPerson('Ada');
    await expectAllOpen(story, ada);
    expectData(await ada.run('LogoutEverywhere'));
    await expectAllClosed(story, ada);
  });

  it('opens nothing whoever has ended it: an operator in the database', async () => {
    const ada = await story.newPerson('Ada');
    await story.graph?.runSql('auth', `UPDATE sessions SET revoked_at = now()`);
    await expectAllClosed(story, ada);
  });
});
