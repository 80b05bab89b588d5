import { randomBytes } from 'node:crypto';
import { hash, verify, type Algorithm } from '@node-rs/argon2';

/** `Algorithm.Argon2id`: the library declares a const enum, which isolated modules cannot read. */
const ARGON2ID = 2 as Algorithm;

/** OWASP Password Storage Cheat Sheet, second choice for Argon2id: 19 MiB, two passes, one lane. */
const ARGON2 = { algorithm: ARGON2ID, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;

/** Of a PHC string with these parameters. */
const PREFIX = `$argon2id$v=19$m=${ARGON2.memoryCost},t=${ARGON2.timeCost},p=${ARGON2.parallelism}$`;

export interface PasswordHasher {
  /** Argon2id with a salt of its own, as a PHC string. @throws the reason of `signal`, when it is aborted before the end */
  hash(password: string, signal: AbortSignal): Promise<string>;
  /**
   * Takes the same time when there is no hash to compare with, so that time does not tell who has an account.
   *
   * @throws the reason of `signal`, when it is aborted before the end
   */
  verify(stored: string | null, password: string, signal: AbortSignal): Promise<boolean>;
  /** Whether a hash was made with other parameters than those of now. */
  isOutdated(stored: string): boolean;
}

export function createPasswordHasher(): PasswordHasher {
  let decoy: Promise<string> | null = null;
  return {
    hash: (password, signal) => unlessAborted(signal, () => hash(password, ARGON2, signal)),
    async verify(stored, password, signal) {
      decoy ??= hash(randomBytes(16), ARGON2);
      const compared = stored ?? (await decoy);
      const matches = await unlessAborted(signal, () => verify(compared, password, ARGON2, signal));
      return stored !== null && matches;
    },
    isOutdated: (stored) => !stored.startsWith(PREFIX),
  };
}

/** For what looks at an account from the machine itself: nobody is told by the time that it takes. */
export function isPasswordOf(stored: string, password: string): Promise<boolean> {
  return verify(stored, password, ARGON2);
}

/** The library drops what waits for a thread; what a thread has begun comes to its end, and to nothing. */
async function unlessAborted<Result>(signal: AbortSignal, work: () => Promise<Result>): Promise<Result> {
  signal.throwIfAborted();
  try {
    return await work();
  } finally {
    signal.throwIfAborted();
  }
}
