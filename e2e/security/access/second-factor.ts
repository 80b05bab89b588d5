import { expectData, postGraphQL } from '@taskgraph/testkit';
import { Secret, TOTP } from 'otpauth';
import type { Actor } from '../../../scripts/access-rules.mjs';
import { PASSWORD, type Person } from '../../story.js';
import type { World } from './world.js';

/** Begins to set up a second factor, and tells the code that turns it on. Of nobody any will do. */
export async function codeToConfirm(world: World, actor: Actor): Promise<string> {
  return actor === 'nobody' ? '123456' : codeOf(world, world.people[actor]);
}

/** The address of somebody who has a second factor. */
export async function guardedEmail(world: World): Promise<string> {
  return (await newGuardedPerson(world)).email;
}

/** A login that waits for its second factor, and a code that completes it. */
export async function pendingLogin(world: World): Promise<{ readonly challenge: string; readonly code: string }> {
  const { email, code } = await newGuardedPerson(world);
  const { login } = expectData(await world.story.run('Login', { input: { email, password: PASSWORD } }));
  return { challenge: login.challenge, code };
}

async function newGuardedPerson(world: World): Promise<{ readonly email: string; readonly code: string }> {
  const person = await world.story.newPerson('guarded');
  const { confirmTotp } = expectData(await person.run('ConfirmTotp', { code: await codeOf(world, person) }));
  return { email: person.email, code: confirmTotp.recoveryCodes[0] };
}

async function codeOf({ story }: World, { accessToken: token }: Person): Promise<string> {
  const started = await postGraphQL(story.gatewayUrl, { query: 'mutation { startTotp { secret } }', token });
  return new TOTP({ secret: Secret.fromBase32(expectData(started).startTotp.secret) }).generate();
}
