import { readFileSync } from 'node:fs';
import type { SubgraphName } from '@taskgraph/testkit';

/**
 * What becomes of the rows of a table when somebody deletes their account. `erased`: none names them any more. `pseudonymised`: rows stay,
 * and nobody can tell whose they were. `kept`: rows may name them for a while, for the reason that is given.
 */
export type Treatment =
  { readonly kind: 'erased' | 'pseudonymised' | 'impersonal' } | { readonly kind: 'kept'; readonly why: string };

const EVENTS = 'events name ids, and are kept for a day after they were published; where somebody was is taken out';
const HANDLED = 'ids of events, and of what they are about, so that none is handled twice; for 40 days';
const DEAD =
  'ids in events that could not be handled wait for an operator; parts of exports, and where somebody was, are erased';
const ERASED = 'the id alone, so that nothing of them is written later';

/** By service and table: a table without an entry fails the test. */
export const TREATMENTS: Readonly<Record<string, Treatment>> = {
  'auth.users': { kind: 'erased' },
  'auth.second_factors': { kind: 'erased' },
  'auth.recovery_codes': { kind: 'erased' },
  'auth.login_challenges': { kind: 'erased' },
  'auth.account_tokens': { kind: 'erased' },
  'auth.sessions': { kind: 'erased' },
  'auth.refresh_tokens': { kind: 'erased' },
  'auth.revoked_sessions': { kind: 'impersonal' },
  'auth.login_attempts': { kind: 'impersonal' },
  'auth.signing_keys': { kind: 'impersonal' },
  'auth.outbox': { kind: 'kept', why: EVENTS },
  'auth.inbox': { kind: 'kept', why: HANDLED },
  'auth.dead_letters': { kind: 'kept', why: DEAD },
  'auth.audit_events': { kind: 'pseudonymised' },
  'auth.audit_people': { kind: 'erased' },
  'auth.audit_head': { kind: 'impersonal' },
  'auth.data_export_requests': { kind: 'erased' },
  'auth.role_changes': { kind: 'erased' },
  'auth.erasures': { kind: 'erased' },
  'task.tasks': { kind: 'erased' },
  'task.task_media': { kind: 'erased' },
  'task.outbox': { kind: 'kept', why: EVENTS },
  'task.idempotency_keys': { kind: 'erased' },
  'task.inbox': { kind: 'kept', why: HANDLED },
  'task.dead_letters': { kind: 'kept', why: DEAD },
  'task.known_media': { kind: 'erased' },
  'task.data_export_requests': { kind: 'erased' },
  'task.erased_users': { kind: 'kept', why: ERASED },
  'media.media_items': { kind: 'erased' },
  'media.data_exports': { kind: 'erased' },
  'media.data_export_parts': { kind: 'erased' },
  'media.outbox': { kind: 'kept', why: EVENTS },
  'media.idempotency_keys': { kind: 'erased' },
  'media.inbox': { kind: 'kept', why: HANDLED },
  'media.dead_letters': { kind: 'kept', why: DEAD },
  'media.media_references': { kind: 'erased' },
  'media.media_jobs': { kind: 'erased' },
  'media.upload_sessions': { kind: 'erased' },
  'media.erased_users': { kind: 'kept', why: ERASED },
};

/** Tables of a service, as its Prisma schema has them. */
export function tablesOf(service: SubgraphName): string[] {
  const schema = readFileSync(new URL(`../../prisma/${service}/schema.prisma`, import.meta.url), 'utf8');
  const models = schema.match(/^model \w+ \{[\s\S]*?^\}/gm) ?? [];
  return models.map((model) => {
    const table = /@@map\("(\w+)"\)/.exec(model)?.[1];
    if (table === undefined) throw new Error(`a model has no table: ${model}`);
    return table;
  });
}
