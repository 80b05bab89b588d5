import { randomBytes } from 'node:crypto';
import { expectData, postGraphQL, smallPng, type GraphQLResult } from '@taskgraph/testkit';
import { ACTORS, type Actor } from '../../../scripts/access-rules.mjs';
import { PASSWORD, type Person, type Story } from '../../story.js';

export type SignedIn = Exclude<Actor, 'nobody'>;

/** People in each relation to a task with a picture, and what they are related by. */
export interface World {
  readonly story: Story;
  readonly people: Readonly<Record<SignedIn, Person>>;
  /** Owned by the owner, assigned to the assignee, and to the former one before. In version 2. */
  readonly taskId: string;
  /** Of the owner, attached to the task. */
  readonly mediaId: string;
  tokenOf(actor: Actor): string | undefined;
  /** Another session of somebody. */
  login(actor: SignedIn): Promise<{ readonly accessToken: string; readonly refreshToken: string }>;
  /** A task of somebody's own. */
  ownTask(actor: Actor): Promise<string>;
  /** To be called when the task or its picture may have been changed: others take their places. */
  spoilThings(): void;
  /** To be called when somebody's account may have been changed: where the password is another, somebody else takes the place. */
  spoilPeople(actors: readonly Actor[]): void;
  /** Gives those a session who have lost theirs, an account to those who have lost that, and all of them a task. */
  mend(): Promise<void>;
}

const SIGNED_IN = ACTORS.filter((actor): actor is SignedIn => actor !== 'nobody');
const LOGIN = `mutation($input: LoginInput!) { login(input: $input) { ... on AuthPayload { accessToken refreshToken } } }`;

export async function createWorld(story: Story): Promise<World> {
  const people = {} as Record<SignedIn, Person>;
  let things = { taskId: '', mediaId: '' };
  let areThingsGood = false;
  const spoilt = new Set<Actor>();

  async function tryLogin({ email }: Person): Promise<GraphQLResult> {
    return postGraphQL(story.gatewayUrl, { query: LOGIN, variables: { input: { email, password: PASSWORD } } });
  }

  async function enter(person: Person): Promise<boolean> {
    const { body } = await tryLogin(person);
    const tokens = body.data?.['login'] as { accessToken?: string; refreshToken?: string } | null | undefined;
    if (tokens?.accessToken === undefined || tokens.refreshToken === undefined) return false;
    person.accessToken = tokens.accessToken;
    person.refreshToken = tokens.refreshToken;
    return true;
  }

  async function welcome(actor: SignedIn): Promise<Person> {
    const person = await story.newPerson(actor);
    if (actor === 'administrator') {
      await story.graph?.runSql('auth', `UPDATE users SET role = 'ADMIN' WHERE id = $1`, [person.id]);
      await enter(person);
    }
    return person;
  }

  async function makeThings(): Promise<typeof things> {
    const { owner, assignee, 'former assignee': former } = people;
    const taskId = await owner.addTask({
      title: 'Of the owner',
      description: 'For the assignee.',
      dueAt: '2030-01-01T00:00:00.000Z',
      labels: ['access'],
      assigneeId: former.id,
    });
    const { body } = await owner.upload(
      { filename: 'picture.png', content: await smallPng(), contentType: 'image/png' },
      { altText: 'A picture' },
    );
    const { media } = body.data?.['uploadMedia'] as { media: { id: string } };
    expectData(await owner.run('AttachMedia', { input: { taskId, mediaIds: [media.id] } }));
    expectData(await owner.run('UpdateTask', { input: { id: taskId, expectedVersion: 1, assigneeId: assignee.id } }));
    return { taskId, mediaId: media.id };
  }

  const world: World = {
    story,
    people,
    get taskId() {
      return things.taskId;
    },
    get mediaId() {
      return things.mediaId;
    },
    tokenOf: (actor) => (actor === 'nobody' ? undefined : people[actor].accessToken),
    async login(actor) {
      return (expectData(await tryLogin(people[actor])) as { login: { accessToken: string; refreshToken: string } })
        .login;
    },
    ownTask: (actor) => people[actor === 'nobody' ? 'stranger' : actor].addTask({ title: `Of the ${actor}` }),
    spoilThings: () => void (areThingsGood = false),
    spoilPeople: (actors) => actors.forEach((actor) => spoilt.add(actor)),
    async mend() {
      for (const actor of SIGNED_IN) {
        const person = people[actor] as Person | undefined;
        if (person && (!spoilt.has(actor) || (await enter(person)))) continue;
        people[actor] = await welcome(actor);
        areThingsGood = false;
      }
      spoilt.clear();
      if (!areThingsGood) things = await makeThings();
      areThingsGood = true;
    },
  };
  await world.mend();
  return world;
}

export function newEmail(): string {
  return `somebody.${randomBytes(8).toString('hex')}@example.com`;
}
