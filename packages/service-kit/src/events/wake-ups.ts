import type { LiveFeed } from '../live-feed.js';
import type { Log } from '../log.js';

/** The live feed's channel of a subject. */
export function subjectChannel(subject: string): string {
  return `events:${subject}`;
}

interface WakeUps {
  /** @param position the newest of the subject, decimal */
  add(subject: string, position: string): void;
  close(): void;
}

/** Sends wake-ups to the live feed; those that it does not take are sent again, the newest of each subject. */
export function createWakeUps({ feed, retryMs, log }: { feed: LiveFeed; retryMs: number; log: Log }): WakeUps {
  const waiting = new Map<string, string>();
  let retry: NodeJS.Timeout | null = null;
  let closed = false;

  async function send(subject: string, position: string): Promise<void> {
    // A subscription that hears of a later event reads the earlier ones too.
    if (isNewer(position, waiting.get(subject))) waiting.delete(subject);
    try {
      await feed.publish(subjectChannel(subject), position);
    } catch (error) {
      if (closed) return;
      if (waiting.size === 0) log.warn({ err: error }, 'the live feed cannot be reached; wake-ups wait');
      if (isNewer(position, waiting.get(subject))) waiting.set(subject, position);
      retry ??= setTimeout(sendAgain, retryMs);
    }
  }

  function sendAgain(): void {
    retry = null;
    const all = [...waiting];
    waiting.clear();
    for (const [subject, position] of all) void send(subject, position);
  }

  return {
    add: (subject, position) => void send(subject, position),
    close() {
      closed = true;
      if (retry) clearTimeout(retry);
    },
  };
}

function isNewer(position: string, other: string | undefined): boolean {
  return other === undefined || BigInt(other) < BigInt(position);
}
