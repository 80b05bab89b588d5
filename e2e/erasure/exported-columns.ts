import { readFileSync } from 'node:fs';
import type { SubgraphName } from '@taskgraph/testkit';

/** What an export has of a table, and what it leaves out, with the reason. */
export interface ExportedTable {
  /** Where its rows are in the ZIP. */
  readonly file: string;
  readonly columns: readonly string[];
  readonly withheld: Readonly<Record<string, string>>;
  /** What is told in the place of what is withheld, and is no column. */
  readonly derived?: readonly string[];
}

const SECRET = 'made of a secret: it says nothing of a person, and something to who steals the file';

/** By service and model: every column of a table that is exported is in one of the two, or the test fails. */
export const EXPORTED: Readonly<Record<string, ExportedTable>> = {
  'auth.User': {
    file: 'auth/account.json',
    columns: ['id', 'email', 'displayName', 'role', 'createdAt', 'updatedAt', 'emailVerifiedAt'],
    withheld: { passwordHash: SECRET },
  },
  'auth.Session': {
    file: 'auth/sessions.json',
    columns: [
      ...['id', 'userAgent', 'ipAddress', 'clientName'],
      ...['createdAt', 'lastUsedAt', 'authenticatedAt', 'expiresAt', 'revokedAt'],
    ],
    withheld: { cookieHash: SECRET, userId: 'that of the account' },
  },
  'auth.AuditEvent': {
    file: 'auth/audit-log.json',
    columns: ['id', 'at', 'action', 'outcome', 'subject', 'ipAddress', 'userAgent', 'requestId', 'details'],
    withheld: {
      position: 'a place among the rows of all',
      actorId: 'that of the account, of nobody known, or of somebody else, whose it is: by tells which',
      sealedOrigin: 'opened: the address and the program',
      previousHash: 'of the chain of all rows',
      hash: 'of the chain of all rows',
    },
    derived: ['by'],
  },
  'auth.AccountToken': {
    file: 'auth/pending-email-changes.json',
    columns: ['email', 'createdAt', 'expiresAt'],
    withheld: {
      tokenHash: SECRET,
      id: 'of a link that is good once',
      userId: 'that of the account',
      purpose: 'the change of the address: links of other kinds have that of the account',
      attempts: 'of a link that is good once',
      usedAt: 'those that were used change nothing any more',
    },
  },
  'auth.SecondFactor': {
    file: 'auth/second-factor.json',
    columns: ['startedAt', 'confirmedAt'],
    withheld: {
      encryptedSecret: SECRET,
      userId: 'that of the account',
      lastStep: 'the time of the last code, which the audit log has',
    },
    derived: ['recoveryCodesLeft'],
  },
  'task.Task': {
    file: 'task/tasks.json',
    columns: [
      ...['id', 'ownerId', 'assigneeId', 'title', 'description', 'status', 'priority'],
      ...['dueAt', 'labels', 'version', 'createdAt', 'updatedAt'],
    ],
    withheld: {},
  },
  'task.TaskMedia': {
    file: 'task/attachments-to-tasks-of-others.json',
    columns: ['taskId', 'mediaId', 'attachedAt'],
    withheld: {
      attachedBy: 'that of the account',
      position: 'the order that the owner of the task has given',
      borrowed: 'how it is shown',
    },
  },
  'media.MediaItem': {
    file: 'media/media.json',
    columns: [
      ...['id', 'uploaderId', 'filename', 'mimeType', 'byteSize', 'sha256', 'width', 'height', 'altText'],
      ...['status', 'createdAt', 'updatedAt', 'deletedAt'],
    ],
    withheld: {
      thumbnails: 'made of the file, which is there',
      placeholder: 'made of the file, which is there',
      hasFull: 'made of the file, which is there',
      failureReason: 'of what failed there is no file',
      contentId: 'where the file lies, which is there',
      revision: 'how often the file was replaced, which its URLs say',
      unattachedSince: 'of the clock that deletes what is attached to nothing',
    },
  },
};

/** The columns of a model, as its Prisma schema has them: what is no other model. */
export function columnsOf(service: SubgraphName, model: string): string[] {
  const schema = readFileSync(new URL(`../../prisma/${service}/schema.prisma`, import.meta.url), 'utf8');
  const models = new Set([...schema.matchAll(/^model (\w+) \{/gm)].map(([, name]) => name));
  const body = new RegExp(`^model ${model} \\{([\\s\\S]*?)^\\}`, 'm').exec(schema)?.[1];
  if (body === undefined) throw new Error(`${service} has no model ${model}`);
  return [...body.matchAll(/^ {2}(\w+) +(\w+)/gm)].flatMap(([, name, type]) =>
    name === undefined || models.has(type) ? [] : [name],
  );
}
