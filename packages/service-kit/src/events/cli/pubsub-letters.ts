import { toShortError, grpcCode, GRPC, openPubSub } from '../pubsub-client.js';
import { openDeadLetterBox } from '../pubsub-dead-letter-box.js';
import type { PubSubDeadLetter } from '../pubsub-dead-letters.js';
import { applyTopology, TopologyError, type TopologyChange } from '../pubsub-topology.js';
import { notAnEvent } from './database-dead-letters.js';
import { EventsError, type DeadLetterStore, type StoredLetter } from './dead-letter-store.js';

interface Place {
  readonly projectId: string;
  readonly emulatorHost: string | undefined;
}

type Letter = StoredLetter & PubSubDeadLetter;

/** The dead letters that Pub/Sub keeps. */
export async function openPubSubLetters(place: Place): Promise<DeadLetterStore<Letter>> {
  const box = await openDeadLetterBox(place);
  return {
    place: describePlace(place),
    list: () =>
      translating(place, async () => {
        const letters = await box.list();
        return letters.map((letter) => ({ ...letter, id: letter.event?.id ?? letter.messageId }));
      }),
    async replay(letter) {
      if (letter.event === null) throw notAnEvent(letter.id);
      await translating(place, () => box.replay(letter));
    },
    discard: (letter) => translating(place, () => box.discard(letter)),
    close: () => box.close(),
  };
}

/** @throws EventsError */
export async function applyPubSubTopology(place: Place): Promise<TopologyChange[]> {
  const { client } = await openPubSub(place.projectId);
  try {
    return await translating(place, () => applyTopology(client));
  } finally {
    await client.close();
  }
}

export function describePlace({ projectId, emulatorHost }: Place): string {
  return emulatorHost === undefined
    ? `Pub/Sub, project ${projectId}`
    : `the Pub/Sub emulator at ${emulatorHost}, project ${projectId}`;
}

const UNAUTHENTICATED = 16;

async function translating<Result>(place: Place, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof TopologyError)
      throw new EventsError('TOPOLOGY_CONFLICT', error.message, undefined, { cause: error });
    const { message } = toShortError(error);
    const where = describePlace(place);
    switch (grpcCode(error)) {
      case GRPC.NOT_FOUND:
        throw new EventsError(
          'TOPOLOGY_MISSING',
          `There are no topics and subscriptions in ${where}.`,
          'npm run events -- topology apply',
          { cause: error },
        );
      case GRPC.PERMISSION_DENIED:
      case UNAUTHENTICATED:
        throw new EventsError(
          'PUBSUB_REFUSED',
          `${where} refuses this: ${message}`,
          'Give the account the roles that docs/operations.md names.',
          { cause: error },
        );
      default:
        throw new EventsError(
          'PUBSUB_UNREACHABLE',
          `${where} does not answer: ${message}`,
          'Start it, or correct PUBSUB_PROJECT_ID, PUBSUB_EMULATOR_HOST or the credentials.',
          { cause: error },
        );
    }
  }
}
