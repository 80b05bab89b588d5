import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  ACTORS,
  ENTITY,
  expandRules,
  findFaults,
  readRules,
  typeOf,
  type Actor,
} from '../../../scripts/access-rules.mjs';
import { startStory } from '../../story.js';
import {
  askEntity,
  askRoot,
  askWay,
  SECTIONS,
  subgraphOf,
  SUPERGRAPH,
  waysToTypes,
  type Answer,
  type Endpoint,
  type RootName,
} from './ask.js';
import { createObservations, NOT_REACHED, outcomeAt } from './outcomes.js';
import { SETTINGS } from './samples.js';
import { createWorld, type World } from './world.js';

const rules = expandRules(readRules(), SECTIONS);
const ROOTS = ['Query', 'Mutation', 'Subscription'] as const;
const isRoot = (section: string): section is RootName => ROOTS.some((root) => root === section);
const toRoot = ({ section, field: name, variant }: (typeof rules)[number]) => ({
  root: typeOf(section) as RootName,
  name,
  variant,
});
const nameOf = (rule: (typeof rules)[number]) =>
  `${rule.section}.${rule.field}${rule.variant === null ? '' : ` (${rule.variant})`}`;

/** Everybody's outcome beside what the table says. */
type Table = Record<Actor, string>;

describe('docs/access.md', () => {
  it('has a rule for every field of the schema, and none for any other', () => {
    expect(findFaults(readRules(), SUPERGRAPH)).toEqual([]);
  });
});

describe('who gets what', () => {
  let world: World;
  const observations = createObservations();
  const answers = new Map<string, Answer>();

  beforeAll(async () => {
    world = await createWorld(await startStory({ settings: SETTINGS }));
  });
  afterAll(async () => {
    await world.story[Symbol.asyncDispose]();
  });

  /** The things of this world, and no others that somebody has made beside them. */
  const ofThisWorld = (object: Record<string, unknown>) => {
    const ids: Record<string, string> = { Task: world.taskId, Media: world.mediaId, User: world.people.owner.id };
    const type = String(object['__typename']);
    return ids[type] === undefined || object[`${type}__id`] === ids[type];
  };

  async function expectTable(
    { expected, at }: { readonly expected: Table; readonly at: string },
    ask: (actor: Actor) => Promise<readonly [string, Answer]>,
  ): Promise<void> {
    const actual = {} as Table;
    const answered: string[] = [];
    for (const actor of ACTORS) {
      const [outcome, { asked, body }] = await ask(actor);
      actual[actor] = outcome;
      if (outcome !== expected[actor]) answered.push(`${actor}: ${asked}\n${JSON.stringify(body)}`);
    }
    expect({ at, ...actual, answered }).toEqual({ at, ...expected, answered: [] });
  }

  async function expectRoot(rule: (typeof rules)[number], endpoint: Endpoint): Promise<void> {
    const { field } = rule;
    const { root } = toRoot(rule);
    await expectTable(rule, async (actor) => {
      await world.mend();
      const answer = await askRoot(world, { ...toRoot(rule), endpoint }, actor);
      const outcome = outcomeAt(answer.body, [field]);
      if (endpoint === 'gateway') observations.see(actor, answer.body, [field], ofThisWorld);
      if (root === 'Mutation' && outcome === 'value') {
        if (subgraphOf(root, field) === 'auth') world.spoilPeople([actor, 'owner']);
        else world.spoilThings();
      }
      return [outcome, answer];
    });
  }

  const rootRules = (root: string) =>
    rules.filter(({ section }) => section === root).map((rule) => [nameOf(rule), rule] as const);

  it.each(rootRules('Query'))('%s, through the gateway', (_name, rule) => expectRoot(rule, 'gateway'));
  it.each(rootRules('Query'))('%s, at the port of its subgraph', (_name, rule) => expectRoot(rule, 'subgraph'));

  const ways = [...waysToTypes()].filter(([, way]) => way.length > 1);
  it.each(ways)('%s lies on a way that everybody is kept to', async (_type, way) => {
    for (const actor of ACTORS) {
      const answer = await askWay(world, way, actor);
      observations.see(actor, answer.body, way, ofThisWorld);
    }
  });

  const atPorts = [...SECTIONS.keys()].filter((section) => section.includes(' at '));
  describe.each(atPorts.filter((section) => isRoot(typeOf(section))))('%s', (section) => {
    it.each(rootRules(section))('%s', (_name, rule) => expectRoot(rule, 'subgraph'));
    it.each(rootRules(section))('%s is nothing to clients', async (_name, rule) => {
      const { body } = await askRoot(world, { ...toRoot(rule), endpoint: 'gateway' }, 'administrator');
      expect(body.errors?.[0]?.extensions?.code).toBe('GRAPHQL_VALIDATION_FAILED');
    });
  });
  describe.each(atPorts.filter((section) => !isRoot(typeOf(section))))('%s', (section) => {
    const type = typeOf(section);
    it.each(rules.filter((rule) => rule.section === section).map((rule) => [rule.field, rule] as const))(
      '%s',
      async (field, rule) => {
        await expectTable(rule, async (actor) => {
          const key = `${section} ${actor}`;
          const answer = answers.get(key) ?? (await askEntity(world, section, actor));
          answers.set(key, answer);
          const entity = outcomeAt(answer.body, [ENTITY, 0]);
          if (field === ENTITY) return [entity, answer];
          return [entity === 'value' ? outcomeAt(answer.body, [ENTITY, 0, `${type}__${field}`]) : NOT_REACHED, answer];
        });
      },
    );
  });

  it.each(rootRules('Mutation'))('%s, through the gateway', (_name, rule) => expectRoot(rule, 'gateway'));
  it.each(rootRules('Mutation'))('%s, at the port of its subgraph', (_name, rule) => expectRoot(rule, 'subgraph'));
  it.each(rootRules('Subscription'))('%s, through the gateway', (_name, rule) => expectRoot(rule, 'gateway'));
  it.each(rootRules('Subscription'))('%s, at the port of its subgraph', (_name, rule) => expectRoot(rule, 'subgraph'));

  // What the tests above have seen.
  const types = [...SECTIONS.keys()].filter((section) => !isRoot(section) && !section.includes(' at '));
  it.each(types)('the fields of %s', (type) => {
    if (!observations.has(type))
      throw new Error(`nobody has ever got a ${type}: add a way to get one to VARIANTS in samples.ts, and its row`);
    const ofType = rules.filter(({ section }) => section === type);
    const table = (outcomes: (rule: (typeof rules)[number]) => Table) =>
      Object.fromEntries(ofType.map((rule) => [`${rule.at} ${rule.field}`, { ...outcomes(rule) }]));
    expect(table(({ field }) => observations.outcomesOf(`${type}.${field}`))).toEqual(
      table(({ expected }) => expected),
    );
  });
});
