import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import {
  EVENTS,
  eventEnvelope,
  eventTypeAttribute,
  TOPIC_BY_SOURCE,
  TYPES_WITH_ORIGIN,
  type EventSource,
} from './events.js';

describe('docs/events.md', () => {
  it('tells the table of events as it is in the code', () => {
    const page = readFileSync(new URL('../../../docs/events.md', import.meta.url), 'utf8');
    const rows = page
      .split('\n')
      .filter((line) => line.startsWith('| `'))
      .map((line) =>
        line
          .split('|')
          .slice(1, -1)
          .map((cell) => cell.trim()),
      );
    const list = (names: readonly string[]) => (names.length === 0 ? '–' : names.join(', '));
    const settled = (what: string | null) => (what === null || what === 'subject' ? (what ?? '–') : `\`${what}\``);
    expect(rows).toEqual(
      Object.entries(EVENTS).map(([type, { eventType, subject, settles, consumers, data, meaning }]) => [
        `\`${type}\``,
        `\`${TOPIC_BY_SOURCE[type.split('.')[0] as EventSource]}\``,
        `\`${eventType}\``,
        subject,
        settled(settles),
        list(consumers),
        list(Object.keys(data.shape).map((name) => `\`${name}\``)),
        meaning,
      ]),
    );
  });
});

describe('where somebody was', () => {
  it('is in events alone that are known to have it, and name the person by a member that erasing looks at', () => {
    expect([...TYPES_WITH_ORIGIN].sort()).toEqual([
      'media.data-export-requested.v1',
      'media.privileged-change.v1',
      'media.privileged-read.v1',
      'task.privileged-change.v1',
      'task.privileged-read.v1',
    ]);
    for (const [type, { data }] of Object.entries(EVENTS)) {
      const members = Object.keys(data.shape);
      const telling = members.filter((member) => /address|agent|^ip|browser|email|name$/i.test(member));
      if (telling.length === 0) continue;
      expect([type, telling]).toEqual([type, ['ipAddress', 'userAgent']]);
      expect(members.some((member) => ['actorId', 'userId'].includes(member))).toBe(true);
    }
  });
});

describe('an event of the table', () => {
  const subgraphs = fileURLToPath(new URL('../../../subgraphs', import.meta.url));
  const codeOf = (service: string, isMeant: (file: string) => boolean) =>
    readdirSync(path.join(subgraphs, service, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && isMeant(file))
      .map((file) => readFileSync(path.join(subgraphs, service, 'src', file), 'utf8'))
      .join('\n');

  it.each(Object.keys(EVENTS))('is produced by the service that it is named after: %s', (type) => {
    const source = type.split('.')[0] as EventSource;
    expect(codeOf(source, (file) => path.basename(file) !== 'events.ts')).toContain(`type: '${type}'`);
  });

  it.each(['auth', 'task', 'media'])('is handled by %s where it is said to be, and there only', (service) => {
    const handlers = codeOf(service, (file) => path.basename(file) === 'events.ts');
    const handled = Object.keys(EVENTS).filter((type) => handlers.includes(`'${type}':`));
    const said = Object.entries<{ readonly consumers: readonly string[] }>(EVENTS);
    expect(handled).toEqual(said.filter(([, { consumers }]) => consumers.includes(service)).map(([type]) => type));
  });
});

describe('eventTypeAttribute', () => {
  it('names the events of the table, and those of a newer producer in the same way', () => {
    expect(eventTypeAttribute('task.media-attached.v1')).toBe('MEDIA_ATTACHED');
    expect(eventTypeAttribute('task.media-attached.v2')).toBe('MEDIA_ATTACHED');
    expect(eventTypeAttribute('task.archived.v1')).toBe('TASK_ARCHIVED');
    for (const [type, { eventType }] of Object.entries(EVENTS))
      expect(eventTypeAttribute(type.replace('.v1', '.v9'))).toBe(eventType);
  });
});

describe('eventEnvelope', () => {
  it('takes types that it does not know, and nothing that is no event', () => {
    const event = {
      id: '019ac0de-7a11-7000-8000-000000000000',
      type: 'task.archived.v3',
      source: 'task',
      subject: 'x',
      sequence: '7',
      time: '2026-01-31T12:00:00.000Z',
      data: {},
    };
    expect(eventEnvelope.safeParse(event).success).toBe(true);
    for (const wrong of [
      { id: 'x' },
      { type: 'archived' },
      { source: 'other' },
      { subject: '' },
      { sequence: '-1' },
      { time: 'yesterday' },
    ])
      expect(eventEnvelope.safeParse({ ...event, ...wrong }).success).toBe(false);
  });
});
