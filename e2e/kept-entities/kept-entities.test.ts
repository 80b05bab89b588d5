import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectData, postGraphQL, smallPng, type GraphQLResult, type SpawnedGraph } from '@taskgraph/testkit';
import { PASSWORD, startStory, type Person, type Story } from '../story.js';

describe('what the gateway keeps of users', () => {
  let story: Story;
  let graph: SpawnedGraph;
  let ada: Person;
  let ben: Person;
  let taskId: string;

  beforeAll(async () => {
    story = await startStory();
    graph = story.graph as SpawnedGraph;
    [ada, ben] = [await story.newPerson('Ada'), await story.newPerson('Ben')];
    taskId = await ada.addTask({ title: 'Hang the picture', assigneeId: ben.id });
    const mediaIds = [await ada.addPicture(await smallPng()), await ada.addPicture(await smallPng('red'))];
    expectData(await ada.run('AttachMedia', { input: { taskId, mediaIds } }));
  });
  afterAll(async () => {
    await story[Symbol.asyncDispose]();
  });

  async function fetchesFromAuth(): Promise<number> {
    const metrics = await (await fetch(new URL('/metrics', story.gatewayUrl))).text();
    let count = 0;
    for (const [, value] of metrics.matchAll(
      /subgraph_fetch_duration_seconds_count\{[^}]*subgraph="auth"[^}]*\} (\d+)/g,
    ))
      count += Number(value);
    return count;
  }
  const ask = (person: Person, query: string): Promise<GraphQLResult> =>
    postGraphQL(story.gatewayUrl, { query, token: person.accessToken });
  const nameSeenBy = async (person: Person) => {
    const { task } = expectData(await person.run('TaskWithMedia', { id: taskId })) as {
      task: { owner: { displayName: string }; media: { edges: Array<{ attachedBy: { displayName: string } }> } };
    };
    const names = [task.owner.displayName, ...task.media.edges.map(({ attachedBy }) => attachedBy.displayName)];
    expect(new Set(names).size).toBe(1);
    return names[0];
  };
  const rename = (name: string) =>
    graph.runSql('auth', 'UPDATE users SET display_name = $1 WHERE id = $2::uuid', [name, ada.id]);

  it('spares auth the second TaskWithMedia, of whoever asks', async () => {
    expect(await nameSeenBy(ada)).toBe('Ada');
    const before = await fetchesFromAuth();
    expect(before).toBeGreaterThan(0);
    expect(await nameSeenBy(ada)).toBe('Ada');
    expect(await nameSeenBy(ben)).toBe('Ada');
    expect(await fetchesFromAuth()).toBe(before);
  });

  it('is forgotten when a mutation names the user, and when it could have', async () => {
    await rename('Countess');
    // That it still is the old name shows that it is kept.
    expect(await nameSeenBy(ben)).toBe('Ada');
    const input = { currentPassword: PASSWORD, newPassword: 'eight blue herons wade' };
    expectData(await ada.run('ChangePassword', { input }));
    expect(await nameSeenBy(ben)).toBe('Countess');

    await rename('Augusta');
    expect(await nameSeenBy(ben)).toBe('Countess');
    const back = { currentPassword: 'eight blue herons wade', newPassword: PASSWORD };
    const { body } = await postGraphQL(story.gatewayUrl, {
      query: 'mutation($input: ChangePasswordInput!) { changePassword(input: $input) { __typename } }',
      variables: { input: back },
      token: ada.accessToken,
    });
    expect(body).toEqual({ data: { changePassword: { __typename: 'ChangePasswordSuccess' } } });
    expect(await nameSeenBy(ben)).toBe('Augusta');
    expect(await nameSeenBy(ada)).toBe('Augusta');
  });

  it('never is an e-mail address, nor who somebody is', async () => {
    const owner = `{ task(id: "${taskId}") { owner { id displayName email } } }`;
    for (const [person, email] of [
      [ada, ada.email],
      [ben, null],
      [ada, ada.email],
      [ben, null],
    ] as const) {
      const result = await ask(person, owner);
      expect(expectData(result)).toEqual({ task: { owner: { id: ada.id, displayName: 'Augusta', email } } });
      expect(result.headers.get('cache-control')).toBe('no-store');
    }
    for (const person of [ada, ben, ada]) {
      const me = await ask(person, '{ me { id displayName } }');
      expect(expectData(me)).toEqual({ me: { id: person.id, displayName: person === ada ? 'Augusta' : 'Ben' } });
      expect(me.headers.get('cache-control')).toBe('no-store');
    }
  });
});
