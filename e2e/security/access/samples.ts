import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expectData, postGraphQL, smallPng, type UploadFile } from '@taskgraph/testkit';
import type { Actor } from '../../../scripts/access-rules.mjs';
import { PASSWORD } from '../../story.js';
import { codeToConfirm, guardedEmail, pendingLogin } from './second-factor.js';
import { newEmail, type World } from './world.js';

type Sample = (world: World, actor: Actor) => unknown;
export type Samples = Readonly<Record<string, Sample>>;

/** How a root field is asked for, where what the schema says of its arguments is not enough. */
export interface Variant {
  readonly samples?: Samples;
  /** Of fields that take a file. */
  readonly file?: () => Promise<UploadFile>;
}

/** Good values: of arguments, such as `Query.task(id)`, and of members of inputs, such as `UpdateTaskInput.id`. */
export const SAMPLES: Samples = {
  'Query.user(id)': ({ people }) => people.owner.id,
  'Query.task(id)': ({ taskId }) => taskId,
  'Query.media(id)': ({ mediaId }) => mediaId,
  'Query.mediaOnVisibleTasks(ids)': ({ mediaId }) => [mediaId],
  'Query.dataExport(id)': exportOfOwner,
  'Query.verifyToken(token)': ({ people }) => people.owner.accessToken,
  'RegisterInput.email': newEmail,
  'RegisterInput.password': () => PASSWORD,
  'LoginInput.email': ({ people }) => people.owner.email,
  'LoginInput.password': () => PASSWORD,
  'UpdateProfileInput.displayName': () => 'Somebody else',
  'ChangePasswordInput.currentPassword': () => PASSWORD,
  'ChangePasswordInput.newPassword': strongPassword,
  'ResetPasswordInput.newPassword': strongPassword,
  'ChangeEmailInput.email': newEmail,
  'ChangeEmailInput.password': () => PASSWORD,
  'Mutation.deleteMyAccount(password)': () => PASSWORD,
  'Mutation.disableTotp(password)': () => PASSWORD,
  'Mutation.requestPasswordReset(email)': ({ people }) => people.owner.email,
  'Mutation.refreshSession(refreshToken)': async (world) => (await world.login('owner')).refreshToken,
  'Mutation.revokeSession(id)': otherSessionOfOwner,
  'Mutation.deleteMedia(id)': ({ mediaId }) => mediaId,
  'Mutation.restoreMedia(id)': ({ mediaId }) => mediaId,
  'CreateUploadInput.filename': () => 'large.png',
  'CreateUploadInput.byteSize': () => 10,
  'Mutation.completeUpload(id)': uploadOfOwner,
  'ReplaceMediaInput.mediaId': ({ mediaId }) => mediaId,
  'ReplaceMediaInput.withMediaId': ownPicture,
  'UpdateMediaInput.id': ({ mediaId }) => mediaId,
  'UpdateMediaInput.filename': () => 'changed.png',
  'UpdateMediaInput.altText': () => 'Changed',
  'Mutation.deleteTask(id)': ({ taskId }) => taskId,
  'UpdateTaskInput.id': ({ taskId }) => taskId,
  'UpdateTaskInput.expectedVersion': () => 2,
  'UpdateTaskInput.title': () => 'Changed',
  'AttachMediaInput.taskId': ({ taskId }) => taskId,
  'AttachMediaInput.mediaIds': ({ mediaId }) => [mediaId],
  'DetachMediaInput.taskId': ({ taskId }) => taskId,
  'DetachMediaInput.mediaIds': ({ mediaId }) => [mediaId],
  'Subscription.taskChanged(taskId)': ({ taskId }) => taskId,
  'Subscription.mediaAttached(taskId)': ({ taskId }) => taskId,
  'Subscription.mediaProcessed(mediaId)': ({ mediaId }) => mediaId,
};

/** The challenge is asked for first, and its code after it. */
let pending: Awaited<ReturnType<typeof pendingLogin>> | null = null;

/** More ways to ask for a field: each is a row of the table, with the same name in parentheses. */
export const VARIANTS: Readonly<Record<string, Variant>> = {
  'Mutation.register (a known address)': { samples: { 'RegisterInput.email': ({ people }) => people.owner.email } },
  'Mutation.register (a weak password)': { samples: { 'RegisterInput.password': () => 'password12' } },
  'Mutation.login (a wrong password)': { samples: { 'LoginInput.email': newEmail } },
  'Mutation.login (a locked account)': { samples: { 'LoginInput.email': lockedEmail } },
  'Mutation.login (with a second factor)': { samples: { 'LoginInput.email': guardedEmail } },
  'Mutation.completeLogin (by a code)': {
    samples: {
      'CompleteLoginInput.challenge': async (world) => {
        pending = await pendingLogin(world);
        return pending.challenge;
      },
      'CompleteLoginInput.code': () => pending?.code,
    },
  },
  'Mutation.confirmTotp (a good code)': { samples: { 'Mutation.confirmTotp(code)': codeToConfirm } },
  'Mutation.refreshSession (garbage)': { samples: { 'Mutation.refreshSession(refreshToken)': () => 'garbage' } },
  'Mutation.verifyEmail (by a mail)': {
    samples: {
      'Mutation.verifyEmail(token)': async (world) => {
        const { email, accessToken: token } = await world.story.newPerson('verifying');
        const query = 'mutation { requestEmailVerification { accepted } }';
        return tokenOfMail(world, 'verify-email', email, { query, token });
      },
    },
  },
  'Mutation.resetPassword (by a mail)': {
    samples: {
      'ResetPasswordInput.token': async (world) => {
        const { email } = await world.story.newPerson('forgetting');
        const query = 'mutation($email: String!) { requestPasswordReset(email: $email) { accepted } }';
        return tokenOfMail(world, 'reset-password', email, { query, variables: { email } });
      },
    },
  },
  'Mutation.updateTask (a stale version)': { samples: { 'UpdateTaskInput.expectedVersion': () => 1 } },
  'Mutation.updateTask (another assignee)': {
    samples: { 'UpdateTaskInput.assigneeId': ({ people }) => people.stranger.id },
  },
  'Mutation.attachMedia (to a task of one’s own)': {
    samples: { 'AttachMediaInput.taskId': (world, actor) => world.ownTask(actor) },
  },
  'Mutation.attachMedia (not ready)': {
    samples: {
      'AttachMediaInput.mediaIds': async ({ people, story }) => {
        const mediaId = await people.owner.addPicture(await smallPng());
        await story.graph?.runSql('media', `UPDATE media_items SET status = 'PROCESSING' WHERE id = $1`, [mediaId]);
        return [mediaId];
      },
    },
  },
  'Mutation.createUpload (too large)': { samples: { 'CreateUploadInput.byteSize': () => 6 * 2 ** 30 } },
  'Mutation.createUpload (more than the quota)': { samples: { 'CreateUploadInput.byteSize': () => QUOTA_BYTES } },
  'Mutation.uploadMedia (no image)': { file: async () => file(Buffer.from('nothing to see')) },
  'Mutation.uploadMedia (a broken image)': { file: async () => file((await smallPng()).subarray(0, 40)) },
  'Mutation.uploadMedia (too large)': {
    file: async () => file(Buffer.concat([await smallPng(), Buffer.alloc(MAX_BYTES)])),
  },
  'Mutation.uploadMedia (more than the quota)': {
    file: async () => file(Buffer.concat([await smallPng(), Buffer.alloc(QUOTA_BYTES)])),
  },
};

/** Of whoever asks, attached to nothing. */
async function ownPicture({ people, mediaId }: World, actor: Actor): Promise<string> {
  return actor === 'nobody' ? mediaId : people[actor].addPicture(await smallPng('red'));
}

/** Of a file, in the system of the matrix. */
const MAX_BYTES = 4_000_000;
/** More than the pictures of everybody in it take. */
const QUOTA_BYTES = 3_000_000;

export const SETTINGS = {
  MEDIA_MAX_BYTES: String(MAX_BYTES),
  MEDIA_QUOTA_BYTES: String(QUOTA_BYTES),
  LOGIN_MAX_FAILURES: '1',
};

export async function goodFile(): Promise<UploadFile> {
  return file(await smallPng());
}

function file(content: Buffer): UploadFile {
  return { filename: 'picture.png', content, contentType: 'image/png' };
}

function strongPassword(): string {
  return `nine purple badgers ${randomBytes(6).toString('hex')}`;
}

async function otherSessionOfOwner(world: World): Promise<string> {
  const { accessToken } = await world.login('owner');
  const query = '{ sessions { id current } }';
  const { body } = await postGraphQL<{ sessions: Array<{ id: string; current: boolean }> }>(world.story.gatewayUrl, {
    query,
    token: accessToken,
  });
  return body.data?.sessions.find(({ current }) => current)?.id ?? '';
}

async function lockedEmail(world: World): Promise<string> {
  const email = newEmail();
  await world.story.run('Login', { input: { email, password: PASSWORD } });
  return email;
}

/** Makes the request, and waits for a mail to this address with a link to a page, whose token was not there before. */
async function tokenOfMail(
  world: World,
  page: string,
  email: string,
  request: Parameters<typeof postGraphQL>[1],
): Promise<string> {
  const folder = path.join(world.story.graph?.dataDir ?? '', 'mail');
  const tokens = async () => {
    const found = new Set<string>();
    for (const name of await readdir(folder)) {
      const mail = (await readFile(path.join(folder, name), 'utf8')).replaceAll('=\n', '').replaceAll('=3D', '=');
      const token = mail.split(`/${page}#token=`)[1]?.split(/\s/)[0];
      if (token !== undefined && mail.includes(email)) found.add(token);
    }
    return found;
  };
  const before = await tokens();
  expectData(await postGraphQL(world.story.gatewayUrl, request));
  for (;;) {
    for (const token of await tokens()) if (!before.has(token)) return token;
    await delay(20);
  }
}

async function exportOfOwner({ people, story }: World): Promise<string> {
  const query = 'mutation { requestDataExport { id } }';
  const asked = await postGraphQL(story.gatewayUrl, { query, token: people.owner.accessToken });
  return expectData(asked).requestDataExport.id;
}

async function uploadOfOwner({ people, story }: World): Promise<string> {
  const query =
    'mutation { createUpload(input: { filename: "a.png", byteSize: 10 }) { ... on CreateUploadSuccess { upload { id } } } }';
  const asked = await postGraphQL(story.gatewayUrl, { query, token: people.owner.accessToken });
  return expectData(asked).createUpload.upload.id;
}
