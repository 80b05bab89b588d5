import { type PubSub } from '@google-cloud/pubsub';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { hasPubSubEmulator, startPubSubEmulator, type PubSubEmulator } from '@taskgraph/testkit';
import { openPubSub } from '../../src/events/pubsub-client.js';
import { applyTopology, isTopicReady } from '../../src/events/pubsub-topology.js';

const EVERYTHING = [
  'auth-events',
  'dead-letters',
  'dead-letters.inspect',
  'media-events',
  'media-events.task',
  'task-events',
  'task-events.media',
];

(hasPubSubEmulator() ? describe : describe.skip)('the topology of events', () => {
  let emulator: PubSubEmulator;
  let projects = 0;
  const clients: PubSub[] = [];
  beforeAll(async () => {
    emulator = await startPubSubEmulator();
    process.env['PUBSUB_EMULATOR_HOST'] = emulator.host;
  });
  afterAll(async () => {
    await Promise.all(clients.map((client) => client.close()));
    delete process.env['PUBSUB_EMULATOR_HOST'];
    await emulator.stop();
  });

  /** A project of its own: the emulator keeps them apart. */
  async function anEmptyProject(): Promise<PubSub> {
    const { client } = await openPubSub(`project-${++projects}`);
    clients.push(client);
    return client;
  }
  const groups = [
    { group: 'media', topics: ['task-events'] },
    { group: 'task', topics: ['media-events'] },
  ] as const;

  it('may be made by several at once, and is then in order', async () => {
    const client = await anEmptyProject();
    expect(await isTopicReady(client, 'task-events', { groups })).toBe(false);
    const changes = await Promise.all([1, 2, 3].map(() => applyTopology(client, { groups })));
    // The emulator may tell more than one of them that it was the one.
    const created = new Set(changes.flat().map(({ name, change }) => `${change} ${name}`));
    expect([...created].sort()).toEqual(EVERYTHING.map((name) => `created ${name}`));
    expect(await applyTopology(client, { groups })).toEqual([]);
    expect(await isTopicReady(client, 'task-events', { groups })).toBe(true);
    expect(await isTopicReady(client, 'task-events', { groups: [{ group: 'new', topics: ['task-events'] }] })).toBe(
      false,
    );
  });

  it('has a name of its own for each deployment of a project', async () => {
    const client = await anEmptyProject();
    await applyTopology(client, { groups });
    const changes = await applyTopology(client, { groups, prefix: 'staging.' });
    expect(changes.map(({ name }) => name).sort()).toEqual(EVERYTHING.map((name) => `staging.${name}`));
  });

  it('corrects settings that somebody has changed', async () => {
    const client = await anEmptyProject();
    await applyTopology(client, { groups });
    const subscription = client.subscription('task-events.media');
    await subscription.setMetadata({ ackDeadlineSeconds: 600 });
    expect(await applyTopology(client, { groups })).toEqual([{ name: 'task-events.media', change: 'corrected' }]);
    const [{ ackDeadlineSeconds, expirationPolicy, enableMessageOrdering }] = await subscription.getMetadata();
    expect({ ackDeadlineSeconds, ttl: expirationPolicy?.ttl, enableMessageOrdering }).toEqual({
      ackDeadlineSeconds: 30,
      ttl: null,
      enableMessageOrdering: true,
    });
    expect(await applyTopology(client, { groups })).toEqual([]);
  });

  it('refuses a subscription that cannot be corrected, and says what to do', async () => {
    const [unordered, misplaced] = [await anEmptyProject(), await anEmptyProject()];
    await Promise.all([unordered, misplaced].map((client) => applyTopology(client, { groups: [] })));
    await unordered.topic('task-events').createSubscription('task-events.media');
    await expect(applyTopology(unordered, { groups })).rejects.toThrow(
      /task-events\.media was made without message ordering/,
    );
    await misplaced.topic('auth-events').createSubscription('media-events.task', { enableMessageOrdering: true });
    await expect(applyTopology(misplaced, { groups })).rejects.toThrow(
      'media-events.task hears auth-events, not media-events',
    );
  });

  it('asks Pub/Sub itself to keep what ends every process, which its emulator cannot do in order', async () => {
    const client = await anEmptyProject();
    await applyTopology(client, { groups });
    const subscription = client.subscription('task-events.media');
    expect((await subscription.getMetadata())[0].deadLetterPolicy).toBeNull();
    // What would be asked of Pub/Sub itself; the emulator takes these settings as well, but for the long retention.
    client.isEmulator = false;
    await client.subscription('dead-letters.inspect').delete();
    await expect(applyTopology(client, { groups })).rejects.toThrow('message_retention_duration out of bounds');
    expect((await subscription.getMetadata())[0].deadLetterPolicy).toEqual({
      deadLetterTopic: `projects/${client.projectId}/topics/dead-letters`,
      maxDeliveryAttempts: 100,
    });
  });
});
