import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  chooseFreePorts,
  expectData,
  hasPubSubEmulator,
  hasRedisServer,
  postGraphQL,
  smallPng,
  subscribeGraphQL,
  textFile,
} from '@taskgraph/testkit';
import { queriesOf, type PanelQuery } from '../../deployment/test/dashboards.js';
import { operation } from '../operations.js';
import { PASSWORD, startStory, type Person, type Story } from '../story.js';
import { hasPrometheus, startPrometheus, type Prometheus } from './prometheus.js';

const OBSERVABILITY = new URL('../../observability/prometheus/', import.meta.url);
const SERVICES = { gateway: 3100, auth: 3101, task: 3102, media: 3103 } as const;
/** Grafana fills this in from the time that is shown and how often is scraped. */
const RATE_INTERVAL = '1m';
/** Recorded ratios need a few scrapes, and a busy machine takes long for a round of the story. */
const DEADLINE_MS = 240_000;
const TEST_TIMEOUT_MS = 300_000;

/** A panel that draws zero where there is nothing would show something whatever it asks for. */
const DRAWN_ZERO = / or vector\(0\)$/;
/** What does not come about in the story, and why: such a panel shows its zero. */
const NOT_LIVED: Readonly<Record<string, string>> = {
  taskgraph_gateway_workers: 'one process serves',
  taskgraph_gateway_worker_exits_total: 'one process serves',
  taskgraph_pubsub_dead_letters_total: 'no event dies',
  taskgraph_pubsub_streams_lost_total: 'no stream breaks',
  taskgraph_circuit_verdicts_total: 'every call is a success',
  taskgraph_gateway_operations_too_expensive_total: 'nobody asks for too much',
  taskgraph_gateway_unregistered_documents_total: 'no document is registered',
  taskgraph_gateway_subscription_events_dropped_total: 'no event is dropped',
  'taskgraph_gateway_usage_flushes_total{outcome="error"}': 'Redis is there',
  'taskgraph_redis_command_duration_seconds_count{outcome="error"}': 'Redis is there',
};
const isLived = (expression: string) => !Object.keys(NOT_LIVED).some((name) => expression.includes(name));

const withServers = hasPrometheus() && hasRedisServer() && hasPubSubEmulator() ? describe : describe.skip;

withServers('an operator looks at the dashboards', () => {
  let story: Story;
  let prometheus: Prometheus;
  let ada: Person;
  beforeAll(async () => {
    const ports = await chooseFreePorts(4);
    const names = Object.keys(SERVICES) as Array<keyof typeof SERVICES>;
    const settings = Object.fromEntries(
      names.map((name, index) => [`${name.toUpperCase()}_OPERATIONS_PORT`, String(ports[index])]),
    );
    story = await startStory({ withEvents: true, settings });
    prometheus = await startPrometheus({
      config: readFileSync(new URL('prometheus.yml', OBSERVABILITY), 'utf8'),
      addresses: Object.fromEntries(
        names.map((name, index) => [`${name}:${SERVICES[name]}`, `127.0.0.1:${ports[index]}`]),
      ),
      rulesFolder: fileURLToPath(new URL('rules', OBSERVABILITY)),
    });
    ada = await story.newPerson('Ada Lovelace');
  });
  afterAll(async () => {
    await prometheus?.[Symbol.asyncDispose]();
    await story?.[Symbol.asyncDispose]();
  });

  /** What people do all day, and some of what they should not do. */
  async function live(round: number): Promise<void> {
    // An operation that nobody has sent before is compiled.
    const query = `query Round${round} { me { id displayName } }`;
    const { me } = expectData(await postGraphQL(story.gatewayUrl, { query, token: ada.accessToken }));
    expect(me.id).toBe(ada.id);
    await story.newPerson('Somebody New');
    expectData(await story.run('Login', { input: { email: ada.email, password: PASSWORD } }));
    await story.run('Login', { input: { email: ada.email, password: 'not this one at all' } });
    const taskId = await ada.addTask({ title: 'Look at dashboards' });
    const attached = { query: operation('MediaAttached'), variables: { taskId }, token: ada.accessToken };
    await using heard = subscribeGraphQL(story.gatewayUrl, attached);
    // What somebody has sent before is neither kept nor processed again.
    const mediaId = await ada.addPicture(await smallPng(`rgb(${round % 256}, 99, 200)`));
    await ada.upload({ filename: 'notes.png', content: textFile(), contentType: 'image/png' });
    await attachUntilHeard(taskId, mediaId, heard);
    const bob = await story.newPerson('Bob Foreign');
    // Media asks task whether somebody else may see it.
    await bob.run('Media', { id: mediaId });
    const { media } = expectData(await ada.run('Media', { id: mediaId }));
    const picture = await fetch(media.url);
    await picture.arrayBuffer();
    await (await fetch(`${media.url}x`)).arrayBuffer();
    await ada.run('TaskWithMedia', { id: taskId });
    expectData(await ada.run('DeleteMedia', { id: mediaId }));
    // Whoever renews a session and ends it, and a program that asks for what is not there.
    expectData(await story.run('RefreshSession', { refreshToken: bob.refreshToken }));
    const leaving = await story.newPerson('Carol Leaving');
    expectData(await leaving.run('Logout'));
    await postGraphQL(story.gatewayUrl, { query: '{ nothing }', token: ada.accessToken });
  }

  /** A subscription is served from when it is there, which nobody tells: attach until it hears. */
  async function attachUntilHeard(
    taskId: string,
    mediaId: string,
    heard: ReturnType<typeof subscribeGraphQL>,
  ): Promise<void> {
    const input = { taskId, mediaIds: [mediaId] };
    let arrived = false;
    const event = heard.events(1).then(() => (arrived = true));
    for (let tries = 0; !arrived && tries < 50; tries += 1) {
      expectData(await ada.run('AttachMedia', { input }));
      await Promise.race([event, delay(500)]);
      if (!arrived) await ada.run('DetachMedia', { input });
    }
    await event;
    // What was heard may be of an attachment that is detached by now.
    expectData(await ada.run('AttachMedia', { input }));
  }

  async function isShown({ expression }: PanelQuery): Promise<boolean> {
    const asked = isLived(expression) ? expression.replace(DRAWN_ZERO, '') : expression;
    const samples = await prometheus.query(asked.replaceAll('$__rate_interval', RATE_INTERVAL));
    return samples.some(({ value }) => Number.isFinite(value));
  }

  it(
    'and every panel shows something',
    async () => {
      const giveUpAt = Date.now() + DEADLINE_MS;
      let empty = queriesOf();
      expect(empty.length).toBeGreaterThan(50);
      for (let round = 0; empty.length > 0 && Date.now() < giveUpAt; round += 1) {
        await live(round);
        const shown = await Promise.all(empty.map(isShown));
        empty = empty.filter((_query, index) => !shown[index]);
      }
      expect(empty.map(({ dashboard, panel, expression }) => `${dashboard}, ${panel}: ${expression}`)).toEqual([]);
    },
    TEST_TIMEOUT_MS,
  );

  it('and zero is drawn only where something may be missing', () => {
    const expressions = queriesOf().map(({ expression }) => expression);
    for (const name of Object.keys(NOT_LIVED))
      expect(expressions.some((one) => one.includes(name) && DRAWN_ZERO.test(one))).toBe(true);
  });

  it('and no alert fires', async () => {
    const firing = await prometheus.query('ALERTS{alertstate="firing"}');
    expect(firing).toEqual([]);
  });
});
