import { createHash, randomUUID } from 'node:crypto';
import { networkOf, type ClientInfo, type Log } from '@taskgraph/service-kit';
import type { AuthDb } from '../../db.js';

/** How many attempts fail before a pause, of one kind of counter. */
export interface LockoutLimits {
  /** At one account from one network. */
  readonly perAccountAndNetwork: number;
  /** At one account from everywhere. */
  readonly perAccount: number;
  /** From one network at all accounts. */
  readonly perNetwork: number;
}

export interface LockoutOptions {
  readonly db: AuthDb;
  readonly limits: LockoutLimits;
  /** The first pause; each further failure doubles it. */
  readonly firstLockMs: number;
  readonly maxLockMs: number;
  readonly log: Log;
}

export interface Attempt {
  /** In the form in which it is looked up, whether there is such an account or not. */
  readonly email: string;
  readonly client: Pick<ClientInfo, 'ipAddress'>;
}

/**
 * A time without attempts, after failed ones: of one address at one account, of an account, or of a network. `scope` is for the log: the client
 * is told the time alone.
 */
export interface Pause {
  readonly retryAfterSeconds: number;
  readonly scope: 'pair' | 'account' | 'network';
}

export type AttemptOutcome =
  | {
      readonly kind: 'allowed';
      /** There is one, and this attempt is let past it: where it fails, the answer is that of the pause. */
      readonly pause: Pause | null;
      readonly succeeded: () => Promise<void>;
      /** From now on it is a day until the failures are forgotten. */
      readonly failed: () => Promise<void>;
      /** Of an attempt that has neither failed nor succeeded yet: as if it had not been made. */
      readonly takeBack: () => Promise<void>;
    }
  | ({ readonly kind: 'locked' } & Pause);

/** Pauses guessing (NIST SP 800-63B, 3.2.2; OWASP ASVS 5, 6.3.1). */
export interface Lockout {
  /**
   * Counts an attempt before it is made, so that many at once are as many. A caller that has succeeded says so; one that does not has
   * failed, and where that is said too, the failures are forgotten a day later at the earliest. Known and unknown addresses are treated alike.
   *
   * In a pause of an account or of a network, a user who has logged in from this network before is let past, since the failures may be those
   * of others: their attempts are counted by account and network still, and those of all such users in a paused network by a count of their
   * own, as high as the network's. Right ones are taken back from it, so they do not keep each other out. A user who is not known there gets
   * one try at a time after a pause: more at once would be as many guesses.
   */
  begin(attempt: Attempt): Promise<AttemptOutcome>;
  close(): Promise<void>;
}

/** Failures that are further apart than this are not guessing. */
const WINDOW_MS = 24 * 60 * 60 * 1000;
const PURGE_INTERVAL_MS = 60 * 60 * 1000;

interface Row {
  readonly attempt: string;
  readonly allowed: boolean;
  readonly retry_after: number;
}

export function createLockout({ db, limits, firstLockMs, maxLockMs, log }: LockoutOptions): Lockout {
  /**
   * One statement counts and judges, and the row's lock puts attempts at once in a row: the one that reaches the limit is the last for a
   * while. During a pause nothing is counted, so a pause ends when it was said to.
   *
   * `last_at` is when the failures began, and then when the last of them was known to be one: an attempt that turns out right does not
   * move it, however many are under way.
   */
  async function count(key: Key, limit: number): Promise<Row> {
    const attempt = randomUUID();
    const [row] = await db.$queryRaw<Array<Omit<Row, 'attempt'>>>`
      INSERT INTO login_attempts AS a (key, failures, last_at, locked_until, last_attempt)
      VALUES (${key}, 1, now(), CASE WHEN ${limit}::int <= 1 THEN now() + ${firstLockMs}::float8 * interval '1 millisecond' END, ${attempt}::uuid)
      ON CONFLICT (key) DO UPDATE SET
        failures = CASE
          WHEN a.locked_until > now() THEN a.failures
          WHEN a.last_at < now() - ${WINDOW_MS}::float8 * interval '1 millisecond' THEN 1
          ELSE least(a.failures + 1, 1000000) END,
        last_at = CASE
          WHEN a.locked_until > now() THEN a.last_at
          WHEN a.failures = 0 OR a.last_at < now() - ${WINDOW_MS}::float8 * interval '1 millisecond' THEN now()
          ELSE a.last_at END,
        last_attempt = CASE WHEN a.locked_until > now() THEN a.last_attempt ELSE excluded.last_attempt END,
        locked_until = CASE
          WHEN a.locked_until > now() THEN a.locked_until
          WHEN a.last_at < now() - ${WINDOW_MS}::float8 * interval '1 millisecond' THEN excluded.locked_until
          WHEN a.failures + 1 >= ${limit}::int THEN now() + interval '1 millisecond'
            * least(${maxLockMs}::float8, ${firstLockMs}::float8 * power(2, least(a.failures + 1 - ${limit}::int, 30)))
          END
      RETURNING last_attempt = ${attempt}::uuid AS allowed,
        coalesce(ceil(extract(epoch FROM locked_until - now())), 0)::int AS retry_after`;
    if (!row) throw new Error('an attempt to log in was not counted');
    return { ...row, attempt };
  }

  /** Takes back one attempt, with the pause that it began: guesses of others, and at other accounts, stay counted. */
  async function uncount(key: Key, { attempt }: Row): Promise<void> {
    await db.$executeRaw`
      UPDATE login_attempts SET
        failures = greatest(failures - 1, 0),
        locked_until = CASE WHEN last_attempt = ${attempt}::uuid THEN NULL ELSE locked_until END
      WHERE key = ${key}`;
  }

  /** One row by one: statements with several of them could wait for each other. */
  async function failedAt(keys: readonly Key[]): Promise<void> {
    for (const key of keys) await db.$executeRaw`UPDATE login_attempts SET last_at = now() WHERE key = ${key}`;
  }

  /** Whether the account's owner was let in from this network lately: guessers elsewhere do not lock them out there. */
  async function isKnown({ email, client }: Attempt): Promise<boolean> {
    if (client.ipAddress === null) return false;
    const since = new Date(Date.now() - 30 * WINDOW_MS);
    const sessions = await db.session.findMany({
      where: { user: { email }, createdAt: { gt: since }, ipAddress: { not: null } },
      select: { ipAddress: true },
      distinct: ['ipAddress'],
      take: 100,
    });
    const own = networkOf(client.ipAddress);
    return sessions.some(({ ipAddress }) => ipAddress !== null && networkOf(ipAddress) === own);
  }

  async function purge(): Promise<void> {
    try {
      await db.loginAttempt.deleteMany({ where: { lastAt: { lt: new Date(Date.now() - WINDOW_MS) } } });
    } catch (error) {
      log.warn({ err: error }, 'old counts of attempts to log in could not be removed');
    }
  }
  const purging = setInterval(() => void purge(), PURGE_INTERVAL_MS).unref();

  return {
    async begin(attempt) {
      const { email, client } = attempt;
      const network = client.ipAddress === null ? 'unknown' : networkOf(client.ipAddress);
      const paused = ({ retry_after: seconds }: Row, scope: Pause['scope']): Pause => ({
        retryAfterSeconds: Math.max(1, seconds),
        scope,
      });
      const counted: Array<readonly [Key, Row]> = [];
      async function countAt(parts: readonly string[], limit: number): Promise<Row> {
        const key = keyOf(parts);
        const row = await count(key, limit);
        if (row.allowed) counted.push([key, row]);
        return row;
      }
      const failed = () => failedAt(counted.map(([key]) => key));
      const takeBack = async () => {
        for (const [key, row] of counted) await uncount(key, row);
      };

      const pairParts = ['pair', email, network];
      const pair = await countAt(pairParts, limits.perAccountAndNetwork);
      if (!pair.allowed) return { kind: 'locked', ...paused(pair, 'pair') };
      const ofNetwork = await countAt(['network', network], limits.perNetwork);
      const account = await countAt(['account', email], limits.perAccount);
      let pause: Pause | null = null;
      if (!ofNetwork.allowed) pause = paused(ofNetwork, 'network');
      else if (!account.allowed) pause = paused(account, 'account');
      if (pause) {
        let isLetPast = await isKnown(attempt);
        if (!ofNetwork.allowed) {
          // A user who is not known is counted too, to no end: the time that it takes tells nothing.
          const past = await countAt([isLetPast ? 'known' : 'unknown', network], limits.perNetwork);
          isLetPast &&= past.allowed;
        }
        if (!isLetPast) {
          await failed();
          return { kind: 'locked', ...pause };
        }
      }
      return {
        kind: 'allowed',
        pause,
        failed,
        takeBack,
        async succeeded() {
          await takeBack();
          await db.loginAttempt.deleteMany({ where: { key: keyOf(pairParts) } });
        },
      };
    },
    async close() {
      clearInterval(purging);
    },
  };
}

type Key = Uint8Array<ArrayBuffer>;

/** The table is no list of the addresses that were tried. */
function keyOf(parts: readonly string[]): Key {
  return new Uint8Array(createHash('sha256').update(JSON.stringify(parts)).digest());
}
