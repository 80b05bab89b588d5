import { randomBytes } from 'node:crypto';
import { hash, verify, type Algorithm } from '@node-rs/argon2';

/** `Algorithm.Argon2id`: the library declares a const enum, which isolated modules cannot read. */
const ARGON2ID = 2 as Algorithm;

/** OWASP Password Storage Cheat Sheet, second choice for Argon2id: 19 MiB, two passes, one lane. */
const ARGON2 = { algorithm: ARGON2ID, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;

export interface PasswordHasher {
  /** Argon2id with a salt of its own, as a PHC string. */
  hash(password: string): Promise<string>;
  /** Takes the same time when there is no hash to compare with, so that time does not tell who has an account. */
  verify(stored: string | null, password: string): Promise<boolean>;
}

export function createPasswordHasher(): PasswordHasher {
  let decoy: Promise<string> | null = null;
  return {
    hash: (password) => hash(password, ARGON2),
    async verify(stored, password) {
      decoy ??= hash(randomBytes(16), ARGON2);
      const matches = await verify(stored ?? (await decoy), password);
      return stored !== null && matches;
    },
  };
}
