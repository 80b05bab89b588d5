import { randomInt } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { withoutDeadline, type Log, type Metrics } from '@taskgraph/service-kit';
import type { Mail, Mailer } from './mailer.js';

export interface PostOfficeOptions {
  readonly mailer: Mailer;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Waits between the tries. */
  readonly retryMs?: readonly number[];
}

/**
 * Does what nobody waits for: an answer that took as long as its mail would tell whether there was one. What is under way when the
 * process stops is finished; what could not be sent after the last try is lost, and the person asks again.
 */
export interface PostOffice {
  /** Makes mails, and sends them, after the answer. Never throws. Beyond the bound nothing is done, and the log says so. */
  later(log: Log, make: () => Promise<Mail | null>): void;
  /**
   * The same, begun a quarter of a second after the answer at the latest, at a moment by chance: where even the work beside an answer,
   * which a busy machine does before the answer's last byte is out, would tell whether there is a mail to make.
   */
  muchLater(log: Log, make: () => Promise<Mail | null>): void;
  /** Resolves when nothing is under way. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

const MAX_UNDER_WAY = 500;
const RETRY_MS = [1_000, 10_000];
/** From the answer to what begins much later, in milliseconds. */
const APART_MS = { least: 50, most: 250 } as const;

export function createPostOffice({ mailer, metrics, log: own, retryMs = RETRY_MS }: PostOfficeOptions): PostOffice {
  const mails = metrics.counter('taskgraph_auth_mails_total', 'Mails, by what became of them.', ['outcome']);
  // From zero: of a counter that begins with the first mail that is lost, that one is no growth.
  for (const outcome of ['ok', 'retried', 'lost', 'refused'] as const) mails.inc({ outcome }, 0);
  const underWay = new Set<Promise<void>>();
  const stopping = new AbortController();
  // As many wait for it as mails are under way.
  setMaxListeners(MAX_UNDER_WAY + 1, stopping.signal);

  async function deliver(log: Log, make: () => Promise<Mail | null>): Promise<void> {
    const mail = await make();
    if (!mail) return;
    for (const wait of [...retryMs, null]) {
      try {
        await mailer.send(mail);
        mails.inc({ outcome: 'ok' });
        return;
      } catch (error) {
        mails.inc({ outcome: wait === null ? 'lost' : 'retried' });
        if (wait === null) log.error({ err: error, subject: mail.subject }, 'a mail could not be sent');
        else await delay(wait, undefined, { signal: stopping.signal }).catch(() => undefined);
      }
    }
  }

  /** A process that stops waits for nothing, and begins at once. */
  const waitApart = () =>
    delay(randomInt(APART_MS.least, APART_MS.most), undefined, { signal: stopping.signal }).catch(() => undefined);

  const idle = async () => void (await Promise.all([...underWay]));
  const post: PostOffice = {
    later(log, make) {
      if (underWay.size >= MAX_UNDER_WAY) {
        mails.inc({ outcome: 'refused' });
        own.error({ underWay: underWay.size }, 'too many mails are under way: one is not sent');
        return;
      }
      const work = withoutDeadline(() => deliver(log, make))
        .catch((error: unknown) => log.error({ err: error }, 'a mail could not be made'))
        .finally(() => underWay.delete(work));
      underWay.add(work);
    },
    muchLater: (log, make) => post.later(log, () => waitApart().then(make)),
    idle,
    async close() {
      stopping.abort();
      await idle();
      await mailer.close();
    },
  };
  return post;
}
