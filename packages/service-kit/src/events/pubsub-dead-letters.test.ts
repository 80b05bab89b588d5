import { describe, expect, it } from '@jest/globals';
import { deadLetterAttributes, encodeEnvelope, parseDeadLetter, parseEnvelope } from './pubsub-dead-letters.js';

const event = {
  id: '0198c0de-0000-7000-8000-000000000001',
  type: 'task.media-attached.v1',
  source: 'task',
  subject: 'one',
  sequence: '7',
  time: '2026-11-25T12:00:00.000Z',
  data: {},
} as const;
const facts = { group: 'media', topic: 'task-events', error: 'no', attempts: 5 };
const message = { messageId: '7', data: encodeEnvelope(event), publishedAt: '2026-11-25T12:00:09.000Z' };

describe('a dead letter in Pub/Sub', () => {
  it('is read as it was written', () => {
    const attributes = deadLetterAttributes(event, facts);
    expect(attributes).toMatchObject({ eventType: 'MEDIA_ATTACHED', id: event.id, originalTopic: 'task-events' });
    expect(parseDeadLetter({ ...message, attributes }, '')).toEqual({
      ...facts,
      event,
      messageId: '7',
      diedAt: attributes['diedAt'],
    });
  });

  it('has an error that fits into an attribute, with no character cut in two', () => {
    for (let start = 0; start < 4; start++) {
      const { error = '' } = deadLetterAttributes(null, {
        ...facts,
        error: 'x'.repeat(start) + '\u{1F4A5}'.repeat(400),
      });
      expect(Buffer.byteLength(error)).toBeLessThanOrEqual(1_024);
      expect(Buffer.byteLength(error)).toBeGreaterThan(1_020);
      expect(error).not.toContain('\ufffd');
    }
  });

  it('is understood when Pub/Sub itself has forwarded it', () => {
    const attributes = {
      CloudPubSubDeadLetterSourceSubscription: 'staging.task-events.live-feed',
      CloudPubSubDeadLetterSourceDeliveryCount: '5',
    };
    expect(parseDeadLetter({ ...message, attributes }, 'staging.')).toEqual({
      messageId: '7',
      event,
      group: 'live-feed',
      topic: 'task-events',
      error: 'every process that it was given to ended before it was handled',
      attempts: 5,
      diedAt: message.publishedAt,
    });
  });
});

describe('what arrives', () => {
  it.each([
    ['nothing', ''],
    ['no JSON', '{'],
    ['no event', '{"id":"1"}'],
    ['an event of nobody', JSON.stringify({ ...event, source: 'stranger' })],
  ])('is no event when it is %s', (_, text) => {
    expect(parseEnvelope(Buffer.from(text))).toBeNull();
  });

  it('is an event also when its type is not known here', () => {
    const unknown = { ...event, type: 'task.renamed.v3' };
    expect(parseEnvelope(Buffer.from(JSON.stringify({ ...unknown, added: 1 })))).toEqual(unknown);
  });
});
