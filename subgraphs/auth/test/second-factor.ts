import { expectData, postGraphQL, type GraphQLResult } from '@taskgraph/testkit';
import { Secret, TOTP } from 'otpauth';
import type { PasswordHasher } from '../src/modules/passwords/password-hasher.js';
import { PASSWORD, type AuthGraph, type Tokens } from './auth-graph.js';

const LOGIN = `mutation($input: LoginInput!) { login(input: $input) { __typename
  ... on AuthPayload { accessToken refreshToken user { id } } ... on SecondFactorRequired { challenge expiresIn }
  ... on AccountLockedProblem { retryAfter } } }`;
export const START = 'mutation { startTotp { uri secret } }';
export const CONFIRM = `mutation($code: String!) { confirmTotp(code: $code) { __typename
  ... on TotpEnabled { recoveryCodes } ... on InvalidCodeProblem { message mayTryAgain } } }`;
export const DISABLE = `mutation($password: String!) { disableTotp(password: $password) { __typename
  ... on TotpDisabled { user { id twoFactorEnabled } } ... on InvalidCredentialsProblem { message } } }`;
export const COMPLETE = `mutation($input: CompleteLoginInput!) { completeLogin(input: $input) { __typename
  ... on AuthPayload { accessToken refreshToken user { id twoFactorEnabled } }
  ... on InvalidCodeProblem { message mayTryAgain } ... on AccountLockedProblem { message retryAfter } } }`;

/** Costs nothing: how passwords are hashed is another test's matter. */
export const plainPasswords: PasswordHasher = {
  hash: async (password) => `plain ${password}`,
  verify: async (stored, password) => stored === `plain ${password}`,
  isOutdated: () => false,
};

export interface Answer {
  readonly __typename: string;
  readonly accessToken?: string;
  readonly challenge?: string;
  readonly mayTryAgain?: boolean;
  readonly retryAfter?: number;
}

/** The code of an app, some steps from now. */
export function codeOf(secret: string, steps = 0): string {
  return new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: Date.now() + steps * 30_000 });
}

/** A code that is none of those which are good around now. */
export function wrongCodeFor(secret: string): string {
  const good = [-2, -1, 0, 1, 2].map((steps) => codeOf(secret, steps));
  return ['000000', '111111', '222222', '333333', '444444', '555555'].find((code) => !good.includes(code)) as string;
}

export interface Guarded extends Tokens {
  readonly email: string;
  readonly secret: string;
  readonly recoveryCodes: readonly string[];
}

/** Somebody whose second factor is on. The code that has turned it on is used up: the next is that of the step after it. */
export async function registerGuarded(graph: AuthGraph): Promise<Guarded> {
  const person = await graph.register();
  const { secret } = expectData(await graph.run(START, {}, person.accessToken)).startTotp as { secret: string };
  const { recoveryCodes } = expectData(await graph.run(CONFIRM, { code: codeOf(secret) }, person.accessToken))
    .confirmTotp as { recoveryCodes: string[] };
  return { ...person, secret, recoveryCodes };
}

/** As if the codes of now had not been used. */
export async function forgetSteps(graph: AuthGraph): Promise<void> {
  await graph.pool.query('UPDATE second_factors SET last_step = NULL');
}

/** What is on record of somebody, in order. */
export async function eventsOf(
  { pool }: AuthGraph,
  userId: string,
): Promise<Array<{ what: string; details: Record<string, unknown> }>> {
  const { rows } = await pool.query(
    `SELECT action || ' ' || outcome AS what, details FROM audit_events
     WHERE subject = (SELECT pseudonym::text FROM audit_people WHERE user_id = $1) ORDER BY position`,
    [userId],
  );
  return rows;
}

type Ask = (query: string, variables: Record<string, unknown>) => Promise<GraphQLResult>;

/** Logs in and completes logins, by default as the program that the tests are. */
export function asClient(
  graph: AuthGraph,
  ask: Ask = (query, variables) => postGraphQL(graph.url, { query, variables }),
) {
  return {
    logIn: async (email: string, password = PASSWORD) =>
      expectData(await ask(LOGIN, { input: { email, password } })).login as Answer,
    complete: async (challenge: string | undefined, code: string) =>
      expectData(await ask(COMPLETE, { input: { challenge, code } })).completeLogin as Answer,
  };
}
