import { describe, expect, it } from '@jest/globals';
import { toShortError } from './pubsub-client.js';

/** As google-gax 5 words a call that was repeated until its time was over. */
function timedOut(last: string, previous: string[]): Error {
  const list = previous
    .map((message) => `{message: ${message}, code: ${parseInt(message)}, details: , note: }`)
    .join(',');
  const suffix = previous.length < 2 ? '' : ` : Previous errors : [${list}]`;
  return Object.assign(
    new Error(
      `Total timeout of API google.pubsub.v1.Subscriber exceeded 5000 milliseconds retrying error Error: ${last}  before any response was received.${suffix}`,
    ),
    { code: 4 },
  );
}

const REFUSED =
  '14 UNAVAILABLE: No connection established. Last error: Error: connect ECONNREFUSED 127.0.0.1:1. Resolution note: ';
const NO_TIME = '4 DEADLINE_EXCEEDED: Deadline exceeded after 0.000s,waiting for metadata filters';

describe('the short error of a call', () => {
  it('tells why the call failed, when its last try had no time left', () => {
    expect(toShortError(timedOut(NO_TIME, [REFUSED, REFUSED, NO_TIME])).message).toBe(REFUSED.trim());
  });

  it('tells the only failure', () => {
    expect(toShortError(timedOut(REFUSED, [REFUSED])).message).toBe(REFUSED.trim());
  });

  it('tells that there was no time, when nothing else failed', () => {
    expect(toShortError(timedOut(NO_TIME, [NO_TIME, NO_TIME])).message).toBe(NO_TIME);
  });

  it('leaves the message of a call that was not repeated, and keeps the code', () => {
    const error = Object.assign(new Error('5 NOT_FOUND: Subscription does not exist'), { code: 5 });
    expect(toShortError(error)).toMatchObject({ message: error.message, code: 5 });
    expect(toShortError('nothing')).toMatchObject({ message: 'nothing', code: undefined });
  });
});
