import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { OUTCOMES } from '@taskgraph/service-kit';
import { postGraphQL, smallPng, startOtlpReceiver, subscribeGraphQL } from '@taskgraph/testkit';
import type { OtlpReceiver } from '@taskgraph/testkit';
import { operation } from '../operations.js';
import { PASSWORD, startStory, withServers, type Story } from '../story.js';

/** What a story of people does not move: why, and the test that reads it where it moves. */
const UNMOVED: Readonly<Record<string, readonly [why: string, file: string]>> = {
  taskgraph_gateway_operations_too_expensive_total: ['nobody asks for too much', 'gateway/test/demand-control.test.ts'],
  taskgraph_gateway_unregistered_documents_total: ['no document is registered', 'gateway/test/safelist.test.ts'],
  taskgraph_gateway_planner_restarts_total: ['the planner is well', 'gateway/test/planning-waits.test.ts'],
  taskgraph_gateway_supergraph_reloads_total: ['the graph stays the same', 'gateway/test/reload.test.ts'],
  taskgraph_gateway_failed_operations_total: ['no operation fails', 'gateway/test/partial-failure.test.ts'],
  taskgraph_gateway_circuit_state: ['no subgraph is lost', 'gateway/test/circuits.test.ts'],
  taskgraph_circuit_verdicts_total: ['every call is a success', 'gateway/test/circuits.test.ts'],
  taskgraph_gateway_subscription_errors_total: ['no event has errors', 'gateway/test/subscriptions/engine.test.ts'],
  taskgraph_gateway_subscription_events_dropped_total: [
    'no event is dropped',
    'gateway/test/subscriptions/limits.test.ts',
  ],
  taskgraph_gateway_subscription_reconnects_total: ['no subgraph is lost', 'gateway/test/subscriptions/resume.test.ts'],
  taskgraph_gateway_subscription_groups_behind_total: ['nobody is slow', 'gateway/test/subscriptions/fairness.test.ts'],
  taskgraph_gateway_usage_pending: ['nothing waits for long', 'gateway/test/usage.test.ts'],
  taskgraph_rate_limited_total: ['stories are not limited', 'gateway/test/client-limits.test.ts'],
  taskgraph_rate_limit_keys: ['stories are not limited', 'gateway/test/client-limits.test.ts'],
  taskgraph_client_info_refused_total: ['nobody forges', 'subgraphs/auth/test/security/client-info.test.ts'],
  taskgraph_outbox_waiting_events: ['nothing waits for long', 'packages/service-kit/test/events/outbox.test.ts'],
  taskgraph_outbox_oldest_waiting_timestamp_seconds: [
    'nothing waits for long',
    'packages/service-kit/test/events/outbox.test.ts',
  ],
  taskgraph_events_dead_total: ['no event dies', 'packages/service-kit/test/events/inbox.test.ts'],
  taskgraph_pubsub_dead_letters_total: ['no event dies', 'packages/service-kit/test/event-bus.test.ts'],
  taskgraph_pubsub_streams_lost_total: [
    'no stream breaks',
    'packages/service-kit/src/events/pubsub-subscription.test.ts',
  ],
  taskgraph_auth_lockouts_total: ['nobody fails often enough', 'subgraphs/auth/test/lockout.security.test.ts'],
  taskgraph_auth_key_rotations_total: ['keys are young', 'subgraphs/auth/test/key-rotation.security.test.ts'],
  taskgraph_auth_accounts_deleted_total: ['nobody leaves for ever', 'subgraphs/auth/test/erasure.security.test.ts'],
  taskgraph_auth_erasures_pending: ['nobody leaves for ever', 'subgraphs/auth/test/erasure.security.test.ts'],
  taskgraph_auth_erasure_oldest_age_seconds: ['nobody leaves for ever', 'subgraphs/auth/test/erasure.security.test.ts'],
  taskgraph_erasures_pending: ['nobody leaves for ever', 'packages/service-kit/test/erasure.test.ts'],
  taskgraph_erasures_total: ['nobody leaves for ever', 'packages/service-kit/test/erasure.test.ts'],
  taskgraph_erasure_failures_total: ['no erasure fails', 'packages/service-kit/test/erasure.test.ts'],
  taskgraph_retention_purged_rows_total: ['nothing is old', 'packages/service-kit/src/retention.test.ts'],
  taskgraph_retention_failures_total: ['nothing is broken', 'packages/service-kit/src/retention.test.ts'],
  taskgraph_media_data_exports_total: ['nobody asks for his data', 'subgraphs/media/test/data-exports.test.ts'],
  taskgraph_auth_second_factors_total: [
    'nobody has set one up',
    'subgraphs/auth/test/security/second-factor.security.test.ts',
  ],
  taskgraph_auth_password_checks: [
    'nothing is judged when it is looked at',
    'subgraphs/auth/src/modules/passwords/strength-checks.test.ts',
  ],
  taskgraph_media_processing: ['nothing is decoded when it is looked at', 'subgraphs/media/test/processing.test.ts'],
  taskgraph_media_replacements_total: ['no file is replaced', 'subgraphs/media/test/replacements.test.ts'],
  taskgraph_media_session_received_bytes_total: [
    'no file is sent in parts',
    'subgraphs/media/test/upload-sessions.test.ts',
  ],
  taskgraph_media_session_requests_active: ['no file is sent in parts', 'subgraphs/media/test/upload-sessions.test.ts'],
  taskgraph_media_upload_sessions_total: ['no file is sent in parts', 'subgraphs/media/test/upload-sessions.test.ts'],
};

/** What other processes than those of a story have: of which, and the test that reads it. */
const ELSEWHERE: Readonly<Record<string, readonly [whose: string, file: string]>> = {
  taskgraph_gateway_workers: ['a gateway of several workers', 'gateway/test/workers/serving.test.ts'],
  taskgraph_gateway_worker_exits_total: ['a gateway of several workers', 'gateway/test/workers/failing.test.ts'],
};

/** Counters that begin with their first event, and why. No alert watches them for growth. */
const BEGIN_LATER: Readonly<Record<string, string>> = {
  taskgraph_circuit_verdicts_total: 'reasons are of many kinds, and subgraphs come and go',
  taskgraph_events_consumed_total: 'each group hears some types only, and most outcomes come with few of them',
  taskgraph_events_published_total: 'a service has many types, each with its outcomes',
  taskgraph_gateway_entity_cache_changes_total: 'types are those of the events that are heard',
  taskgraph_gateway_entity_cache_lookups_total: 'subgraphs come and go',
  taskgraph_gateway_errors_total: 'codes are those of all subgraphs',
  taskgraph_gateway_operations_too_expensive_total: 'subgraphs come and go',
  taskgraph_gateway_subscription_errors_total: 'codes are those of all subgraphs',
  taskgraph_gateway_subscription_groups_behind_total: 'subgraphs come and go',
  taskgraph_gateway_subscription_reconnects_total: 'subgraphs come and go',
  taskgraph_gateway_subscriptions_ended_total: 'each transport has ends of its own',
  taskgraph_media_uploaded_bytes_total: 'types are a setting',
  taskgraph_media_uploads_total: 'types are a setting',
  taskgraph_subscription_connections_closed_total: 'codes are what clients send',
  taskgraph_subscription_events_total: 'fields are those of the schema of the subgraph',
};

const documented = [
  ...readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8').matchAll(/^\| `(taskgraph_\w+)` \|/gm),
].map(([, name = '']) => name);

const root = new URL('../../', import.meta.url);

it('know the outcomes that are documented, and no others', () => {
  const [, table = ''] =
    /^### Outcomes$(.*?)^## /ms.exec(readFileSync(new URL('docs/operations.md', root), 'utf8')) ?? [];
  const words = [...table.matchAll(/^\| (`[^|]*`) \|/gm)].flatMap(([, cell = '']) => cell.match(/\w+/g) ?? []);
  expect(words.toSorted()).toEqual([...OUTCOMES].toSorted());
});

it.each(Object.entries({ ...UNMOVED, ...ELSEWHERE }))(
  '%s, which stays in a story, is read by the test that is named',
  (name, [, file]) => {
    const text = readFileSync(new URL(file, root), 'utf8');
    // Patterns leave the beginning out.
    expect(text).toContain(name.replace(/^taskgraph_(?:gateway_)?/, ''));
    expect(documented).toContain(name);
  },
);

/** Sums of the samples of each metric, and what is exported in text. */
type Scrape = ReadonlyMap<string, number>;

function sumsOf(text: string): Map<string, number> {
  const sums = new Map<string, number>();
  for (const [, name = ''] of text.matchAll(/^# TYPE (taskgraph_\w+) /gm)) sums.set(name, 0);
  for (const line of text.split('\n')) {
    const [, sample = '', value = ''] = /^(taskgraph_\w+)(?:\{[^}]*\})? (\S+)$/.exec(line) ?? [];
    // Of a histogram, what it has counted.
    const name = sums.has(sample) ? sample : sample.replace(/_count$/, '');
    if (sums.has(name)) sums.set(name, (sums.get(name) ?? 0) + Number(value));
  }
  return sums;
}

withServers('the metrics of all processes', () => {
  let story: Story;
  let collector: OtlpReceiver;
  const texts = new Map<string, string>();
  const scrapeAll = async (): Promise<Scrape> => {
    const all = new Map<string, number>();
    for (const [service, url] of Object.entries(story.graph?.urls ?? {})) {
      const text = await (await fetch(`${url}/metrics`)).text();
      texts.set(service, text);
      for (const [name, sum] of sumsOf(text)) all.set(name, (all.get(name) ?? 0) + sum);
    }
    return all;
  };
  beforeAll(async () => {
    collector = await startOtlpReceiver();
    story = await startStory({
      withEvents: true,
      settings: {
        METRICS_OPERATIONS: 'DetachMedia',
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        OTEL_BSP_SCHEDULE_DELAY: '100',
        // An entity cache in Redis has something to keep only when something allows it.
        ENTITY_CACHE_MIB: '8',
        USAGE_FLUSH_MS: '200',
      },
    });
  });
  afterAll(async () => {
    await story[Symbol.asyncDispose]();
    await collector[Symbol.asyncDispose]();
  });

  it('count from zero, but for those of which nobody knows the labels beforehand', async () => {
    await scrapeAll();
    const begun = new Map<string, boolean>();
    for (const text of texts.values())
      for (const [, name = ''] of text.matchAll(/^# TYPE (taskgraph_\w+) counter$/gm))
        begun.set(name, (begun.get(name) ?? false) || new RegExp(`^${name}[{ ]`, 'm').test(text));
    expect(begun.size).toBeGreaterThan(50);
    const later = [...begun].flatMap(([name, has]) => (has ? [] : [name]));
    expect(later.toSorted()).toEqual(Object.keys(BEGIN_LATER).toSorted());
    const rules = readFileSync(new URL('observability/prometheus/rules/alerts.yml', root), 'utf8');
    expect(Object.keys(BEGIN_LATER).filter((name) => rules.includes(name))).toEqual([]);
  });

  it('move in a story, each of them that is documented, and no other is exported', async () => {
    const ada = await story.newPerson('Ada Measured');
    const taskId = await ada.addTask({ title: 'Measured' });
    const live = subscribeGraphQL(story.gatewayUrl, {
      query: operation('MediaAttached'),
      variables: { taskId },
      token: ada.accessToken,
    });
    let heard = false;
    const first = live.events(1).then(() => (heard = true));
    let mediaId = '';
    while (!heard) {
      mediaId = await ada.addPicture(await smallPng());
      await ada.run('AttachMedia', { input: { taskId, mediaIds: [mediaId] } });
    }
    await first;
    // While it runs: gauges of what is there, fetches under way among them. Whoever registers waits for a password's hash.
    const during = new Map<string, number>();
    while (!((during.get('taskgraph_gateway_subgraph_fetches') ?? 0) > 0)) {
      let isRegistered = false;
      const registering = story.newPerson('Ada Hurried').then(() => (isRegistered = true));
      do {
        for (const [name, sum] of await scrapeAll()) during.set(name, Math.max(sum, during.get(name) ?? 0));
      } while (!isRegistered);
      await registering;
    }
    await live.close();
    await ada.run('TaskWithMedia', { id: taskId });
    // Whether somebody else may see a picture is for tasks to say, and asked of their service.
    await (await story.newPerson('Ada Strange')).run('Media', { id: mediaId });
    await story.run('Login', { input: { email: ada.email, password: 'wrong password of hers' } });
    await story.run('Login', { input: { email: ada.email, password: PASSWORD } });
    await story.run('RequestPasswordReset', { email: ada.email });
    await story.run('RefreshSession', { refreshToken: ada.refreshToken });
    await ada.run('DetachMedia', { input: { taskId, mediaIds: [mediaId] } });
    await ada.run('DeleteMedia', { id: mediaId });
    await fetch(`${story.graph?.urls.media ?? ''}/files/${mediaId}/original?expires=1&signature=x`);
    const input = { currentPassword: PASSWORD, newPassword: 'nine blue herons whistle' };
    await ada.run('ChangePassword', { input });
    const { accessToken } = await story.newPerson('Ada Leaves');
    await postGraphQL(story.gatewayUrl, { query: operation('LogoutEverywhere'), token: accessToken });
    await postGraphQL(story.gatewayUrl, { query: '{ nothing }' });

    const unmoved = async () => {
      const after = await scrapeAll();
      return documented.filter(
        (name) =>
          !(name in UNMOVED) && !(name in ELSEWHERE) && (after.get(name) ?? 0) === 0 && (during.get(name) ?? 0) === 0,
      );
    };
    // Events arrive, and subscriptions end, a little later.
    const patience = Date.now() + 60_000;
    while ((await unmoved()).length > 0 && Date.now() < patience);
    expect(await unmoved()).toEqual([]);
    const exported = [...(await scrapeAll()).keys()];
    expect(exported.filter((name) => !documented.includes(name))).toEqual([]);
    expect(documented.filter((name) => !exported.includes(name))).toEqual(Object.keys(ELSEWHERE));
  });

  it('know operations by name where they are told to, and SQL by table and action', () => {
    const gateway = texts.get('gateway') ?? '';
    const names = [...gateway.matchAll(/operation_duration_seconds_count\{[^}]*operation="([^"]+)"/g)].map(
      ([, n]) => n,
    );
    // Those of the REST façade are known as well.
    const facade = readFileSync(new URL('gateway/rest.graphql', root), 'utf8');
    const isOfFacade = (name = '') => new RegExp(`^(query|mutation) ${name}\\b`, 'm').test(facade);
    expect(new Set(names.filter((name) => !isOfFacade(name)))).toEqual(new Set(['DetachMedia', 'other']));
    expect(gateway).not.toContain('taskgraph_sql_');
    for (const phase of ['parse', 'validate', 'plan'])
      expect(gateway).toMatch(new RegExp(`compile_duration_seconds_count\\{[^}]*phase="${phase}"[^}]*\\} [1-9]`));
    expect(texts.get('task')).toMatch(
      /sql_statement_duration_seconds_count\{[^}]*model="tasks",action="insert",outcome="ok"/,
    );
    expect(texts.get('media')).toMatch(/uploaded_bytes_total\{[^}]*type="image\/png"[^}]*\} [1-9]/);
  });

  it('say of the same outcome the same word, in every process', () => {
    const told = new Set(
      [...texts.values()].flatMap((text) => [...text.matchAll(/[{,]outcome="([^"]*)"/g)].map(([, word]) => word)),
    );
    expect([...told].filter((word) => !OUTCOMES.some((known) => known === word))).toEqual([]);
    expect([...told]).toEqual(expect.arrayContaining(['ok', 'error', 'refused', 'detached']));
    for (const name of ['auth_logins', 'auth_registrations', 'auth_refreshes', 'media_uploads', 'media_processings'])
      expect([...texts.values()].join('\n')).toMatch(new RegExp(`${name}_total\\{[^}]*outcome="ok"[^}]*\\} [1-9]`));
  });

  const hasPromtool = spawnSync('promtool', ['--version']).error === undefined;
  (hasPromtool ? it : it.skip)('are as promtool would have them', () => {
    for (const [service, text] of texts) {
      let complaints = '';
      try {
        execFileSync('promtool', ['check', 'metrics'], { input: text, stdio: ['pipe', 'pipe', 'pipe'] });
      } catch (error) {
        const { stdout, stderr } = error as { stdout: Buffer; stderr: Buffer };
        complaints = `${stdout.toString()}${stderr.toString()}`;
      }
      expect([service, complaints.split('\n').filter((line) => line.includes('taskgraph_'))]).toEqual([service, []]);
    }
  });
});
