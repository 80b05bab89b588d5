import { z } from 'zod';

/** The services that produce events. */
export const EVENT_SOURCES = ['auth', 'task', 'media'] as const;
export type EventSource = (typeof EVENT_SOURCES)[number];

/** Where a service's events are published. */
export const TOPIC_BY_SOURCE = {
  auth: 'auth-events',
  task: 'task-events',
  media: 'media-events',
} as const satisfies Record<EventSource, string>;
export type EventTopic = (typeof TOPIC_BY_SOURCE)[EventSource];
export const EVENT_TOPICS: readonly EventTopic[] = Object.values(TOPIC_BY_SOURCE);

interface EventDefinition {
  readonly meaning: string;
  /** The attribute `eventType` of the message: the name without its version, as filters of subscriptions use it. */
  readonly eventType: string;
  /** What the event is about; events of one subject stay in order. */
  readonly subject: string;
  /**
   * What of its subject the event settles: all of it, or the part that a member of its data names; null when it settles nothing.
   * An event that arrives behind a later one that settles the same comes too late, and has no effects.
   */
  readonly settles: 'subject' | 'mediaId' | null;
  readonly consumers: readonly string[];
  readonly data: z.ZodObject;
}

const userId = z.uuid();
const taskId = z.uuid();
const mediaId = z.uuid();
const time = z.iso.datetime();
const dataExportId = z.uuid();
/** Parts are counted from 0; the last one says so. */
const dataExportPart = z.object({
  dataExportId,
  userId,
  part: z.number().int().nonnegative(),
  isLast: z.boolean(),
  /** What the rows are, such as `tasks`: the name of their file. */
  file: z.string().regex(/^[a-z-]{1,40}$/),
  rows: z.array(z.record(z.string(), z.unknown())),
});
/** Where the actor of an event was; absent in events from before it was told. */
const origin = { ipAddress: z.string().nullable().optional(), userAgent: z.string().nullable().optional() };
/** What was read: one thing, or a list: of all, or of a user or an item, whose id it is. */
const privilegedSubject = z.object({
  kind: z.enum(['task', 'tasks', 'tasks-of-user', 'tasks-of-media', 'media', 'media-of-user']),
  id: z.uuid().nullable(),
});
export type PrivilegedSubject = z.infer<typeof privilegedSubject>;
const privilegedRead = z.object({ actorId: userId, subjects: z.array(privilegedSubject), ...origin });
/** The administrator who has changed something by role alone, its owner, and where the request came from. */
const privilegedChange = { actorId: userId, ownerId: userId, ...origin };
export type DataExportPart = z.infer<typeof dataExportPart>;

/**
 * Every event, by its type: `<source>.<what has happened>.v<version>`. A change that an old reader would misread is a new
 * version; consumers that know it are deployed before its producer. `docs/events.md` is held equal to this table by a test.
 */
export const EVENTS = {
  'auth.user-registered.v1': {
    meaning: 'An account was opened.',
    eventType: 'USER_REGISTERED',
    subject: 'user id',
    settles: 'subject',
    consumers: [],
    data: z.object({ userId }),
  },
  'auth.account-deleted.v1': {
    meaning:
      'An account was deleted: everybody erases what there is of its owner. Told again until all have said that they have.',
    eventType: 'ACCOUNT_DELETED',
    subject: 'user id',
    settles: 'subject',
    consumers: ['gateway', 'task', 'media'],
    data: z.object({ userId }),
  },
  'auth.data-exported.v1': {
    meaning:
      'A part of what the auth service has of a person, for their export. It is taken out of the outbox when the export has ended.',
    eventType: 'AUTH_DATA_EXPORTED',
    subject: 'export id',
    settles: null,
    consumers: ['media'],
    data: dataExportPart,
  },
  'task.created.v1': {
    meaning: 'A task was created.',
    eventType: 'TASK_CREATED',
    subject: 'task id',
    settles: null,
    consumers: ['gateway', 'live feed'],
    data: z.object({ taskId, ownerId: userId, version: z.number().int() }),
  },
  'task.updated.v1': {
    meaning: 'Fields of a task were changed.',
    eventType: 'TASK_UPDATED',
    subject: 'task id',
    settles: null,
    consumers: ['gateway', 'live feed'],
    data: z.object({ taskId, version: z.number().int(), fields: z.array(z.string()) }),
  },
  'task.deleted.v1': {
    meaning: 'A task was deleted, and the media that were attached to it are attached to it no more.',
    eventType: 'TASK_DELETED',
    subject: 'task id',
    settles: 'subject',
    consumers: ['gateway', 'live feed', 'media'],
    data: z.object({ taskId, ownerId: userId, assigneeId: userId.nullable(), mediaIds: z.array(mediaId) }),
  },
  'task.media-attached.v1': {
    meaning: 'A media item was attached to a task.',
    eventType: 'MEDIA_ATTACHED',
    subject: 'task id',
    settles: 'mediaId',
    consumers: ['gateway', 'live feed', 'media'],
    data: z.object({ taskId, mediaId, attachedBy: userId, attachedAt: time }),
  },
  'task.media-detached.v1': {
    meaning: 'A media item was taken off a task.',
    eventType: 'MEDIA_DETACHED',
    subject: 'task id',
    settles: 'mediaId',
    consumers: ['gateway', 'live feed', 'media'],
    data: z.object({ taskId, mediaId }),
  },
  'task.account-erased.v1': {
    meaning: 'Nothing of a deleted account is left in the task service.',
    eventType: 'TASK_ACCOUNT_ERASED',
    subject: 'user id',
    settles: null,
    consumers: ['gateway', 'auth'],
    data: z.object({ userId }),
  },
  'task.data-exported.v1': {
    meaning:
      'A part of what the task service has of a person, for their export. It is taken out of the outbox when the export has ended.',
    eventType: 'TASK_DATA_EXPORTED',
    subject: 'export id',
    settles: null,
    consumers: ['media'],
    data: dataExportPart,
  },
  'task.privileged-read.v1': {
    meaning: 'An administrator has read tasks that are not their own.',
    eventType: 'TASK_PRIVILEGED_READ',
    subject: 'user id of the administrator',
    settles: null,
    consumers: ['auth'],
    data: privilegedRead,
  },
  'task.privileged-change.v1': {
    meaning: 'An administrator has changed a task of somebody else, or shown media of somebody else on one.',
    eventType: 'TASK_PRIVILEGED_CHANGE',
    subject: 'user id of the administrator',
    settles: null,
    consumers: ['auth'],
    data: z.object({
      taskId,
      change: z.enum(['updated', 'deleted', 'media-attached', 'media-detached']),
      ...privilegedChange,
    }),
  },
  'media.uploaded.v1': {
    meaning: 'A file has arrived and is being processed.',
    eventType: 'MEDIA_UPLOADED',
    subject: 'media id',
    settles: 'subject',
    consumers: ['gateway'],
    data: z.object({ mediaId, uploaderId: userId, mimeType: z.string(), byteSize: z.number().int() }),
  },
  'media.processed.v1': {
    meaning: 'A media item can be attached and shown.',
    eventType: 'MEDIA_PROCESSED',
    subject: 'media id',
    settles: 'subject',
    consumers: ['gateway', 'live feed', 'task'],
    data: z.object({ mediaId, uploaderId: userId }),
  },
  'media.failed.v1': {
    meaning: 'A media item could not be processed, and cannot be shown.',
    eventType: 'MEDIA_FAILED',
    subject: 'media id',
    settles: 'subject',
    consumers: ['gateway', 'live feed'],
    data: z.object({ mediaId, uploaderId: userId, reason: z.string() }),
  },
  'media.deleted.v1': {
    meaning: 'A media item was deleted: nobody sees it any more.',
    eventType: 'MEDIA_DELETED',
    subject: 'media id',
    settles: 'subject',
    consumers: ['gateway', 'task'],
    data: z.object({ mediaId, uploaderId: userId }),
  },
  'media.account-erased.v1': {
    meaning: 'Nothing of a deleted account is left in the media service.',
    eventType: 'MEDIA_ACCOUNT_ERASED',
    subject: 'user id',
    settles: null,
    consumers: ['gateway', 'auth'],
    data: z.object({ userId }),
  },
  'media.data-export-requested.v1': {
    meaning: 'Somebody wants all that there is of them: each service sends its part.',
    eventType: 'DATA_EXPORT_REQUESTED',
    subject: 'export id',
    settles: null,
    consumers: ['auth', 'task'],
    data: z.object({ dataExportId, userId, ...origin }),
  },
  'media.data-export-ended.v1': {
    meaning: 'An export is ready, or has failed: what was sent for it is needed no more.',
    eventType: 'DATA_EXPORT_ENDED',
    subject: 'export id',
    settles: 'subject',
    consumers: ['auth', 'task'],
    data: z.object({ dataExportId, userId, outcome: z.enum(['READY', 'FAILED']) }),
  },
  'media.privileged-read.v1': {
    meaning: 'An administrator has read media that are not their own.',
    eventType: 'MEDIA_PRIVILEGED_READ',
    subject: 'user id of the administrator',
    settles: null,
    consumers: ['auth'],
    data: privilegedRead,
  },
  'media.privileged-change.v1': {
    meaning: 'An administrator has changed a media item of somebody else.',
    eventType: 'MEDIA_PRIVILEGED_CHANGE',
    subject: 'user id of the administrator',
    settles: null,
    consumers: ['auth'],
    data: z.object({ mediaId, change: z.enum(['updated', 'deleted', 'restored']), ...privilegedChange }),
  },
} as const satisfies Record<`${EventSource}.${string}.v${number}`, EventDefinition>;

export type EventType = keyof typeof EVENTS;
export type EventData<Type extends EventType> = z.infer<(typeof EVENTS)[Type]['data']>;

/** An event of one type, as its producer states it and its consumer reads it. */
export interface DomainEvent<Type extends EventType = EventType> {
  /** UUIDv7. Consumers handle an id once. */
  readonly id: string;
  readonly type: Type;
  readonly source: EventSource;
  /** What it is about: the ordering key. */
  readonly subject: string;
  /** A decimal number that grows with each event of its subject. */
  readonly sequence: string;
  /** ISO 8601. */
  readonly time: string;
  /** The request that caused it, for the logs. */
  readonly requestId?: string | undefined;
  /** The span that caused it, as in its extension for distributed tracing; absent where nothing was traced. */
  readonly traceparent?: string | undefined;
  readonly data: EventData<Type>;
}

/**
 * The form in which events travel, of types that this reader may not know: member names of CloudEvents 1.0, section 3.1, and of
 * its extensions `sequence` and `traceparent` (distributed tracing).
 */
export const eventEnvelope = z.object({
  id: z.uuid(),
  type: z.string().regex(/^[a-z]+\.[a-z-]+\.v[0-9]+$/),
  source: z.enum(EVENT_SOURCES),
  subject: z.string().min(1),
  sequence: z.string().regex(/^[0-9]{1,18}$/),
  time: z.iso.datetime(),
  requestId: z.string().optional(),
  traceparent: z.string().optional(),
  data: z.unknown(),
});
export type EventEnvelope = z.infer<typeof eventEnvelope>;

/** Those that have where somebody was, and with what program: the person is `actorId`, or `userId` where there is none. */
export const TYPES_WITH_ORIGIN = (Object.keys(EVENTS) as EventType[]).filter((type) =>
  Object.keys(origin).some((member) => member in EVENTS[type].data.shape),
);

export function isEventType(type: string): type is EventType {
  return Object.hasOwn(EVENTS, type);
}

/** The part of its subject that an event settles, by the id of the part; `*` for all of it, null for nothing. */
export function settledPart({ type, data }: DomainEvent): string | null {
  const { settles } = EVENTS[type];
  if (settles === null) return null;
  return settles === 'subject' ? '*' : (data as EventData<'task.media-detached.v1'>)[settles];
}

/** `task.created` of `task.created.v1`. */
export function eventName(type: string): string {
  return type.replace(/\.v[0-9]+$/, '');
}

const EVENT_TYPE_BY_NAME = new Map(Object.entries(EVENTS).map(([type, { eventType }]) => [eventName(type), eventType]));

/** The attribute `eventType` of a message; of an unknown event, made from its name. */
export function eventTypeAttribute(type: string): string {
  const name = eventName(type);
  return EVENT_TYPE_BY_NAME.get(name) ?? name.replaceAll(/[.-]/g, '_').toUpperCase();
}
