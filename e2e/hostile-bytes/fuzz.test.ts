import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectData } from '@taskgraph/testkit';
import { Agent, request } from 'undici';
import { startStory, type Person, type Story } from '../story.js';
import { converse, deliver } from './deliver.js';
import { HTTP_INPUTS, webSocketInput, type Target } from './inputs.js';
import { createRandom } from './random.js';

/** The same inputs every time; others with `FUZZ_SEED`, and more of them with `FUZZ_RUNS`. */
const SEED = Number(process.env['FUZZ_SEED'] ?? 20_260_101);
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 350);
const LANES = 8;

const PROTOCOLS = [...Object.keys(HTTP_INPUTS), 'WebSocket frames'] as ReadonlyArray<
  keyof typeof HTTP_INPUTS | 'WebSocket frames'
>;

/** What no client's bytes may lead to. */
const DEFECT = /^HTTP\/1\.1 500|INTERNAL_SERVER_ERROR|closed (1011|4500)/;

describe('hostile bytes', () => {
  const agent = new Agent({ connections: LANES });
  let story: Story;
  let person: Person;
  beforeAll(async () => {
    // Bytes of chance may well be text, which is a file like any other; they are no picture.
    story = await startStory({ settings: { LOG_LEVEL: 'error', MEDIA_ALLOWED_TYPES: 'image/png, image/jpeg' } });
    person = await story.newPerson('Fay');
  });
  afterAll(async () => {
    await agent.close();
    await story[Symbol.asyncDispose]();
  });

  async function assertAnswers(url: string): Promise<void> {
    const { statusCode, body } = await request(`${url}/graphql`, {
      dispatcher: agent,
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"query":"{ __typename }"}',
    });
    expect([statusCode, await body.json()]).toEqual([200, { data: { __typename: 'Query' } }]);
  }

  /** @throws with what it takes to send the input again */
  async function tryInput(url: string, protocol: (typeof PROTOCOLS)[number], index: number): Promise<void> {
    const random = createRandom(SEED, index);
    const target: Target = { host: new URL(url).host, authorization: `Bearer ${person.accessToken}` };
    let input: unknown;
    try {
      let answer: string;
      if (protocol === 'WebSocket frames') {
        const frames = webSocketInput(random, target);
        input = frames.frames.map(({ kind, data }) => [kind, data.toString('latin1').slice(0, 2_000)]);
        answer = await converse(url, frames);
      } else {
        const http = HTTP_INPUTS[protocol](random, target);
        input = http.bytes.toString('latin1').slice(0, 4_000);
        answer = await deliver(url, http);
      }
      expect(answer).not.toMatch(DEFECT);
      await assertAnswers(url);
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause);
      throw new Error(
        `FUZZ_SEED=${SEED}, ${protocol}, input ${index}: ${message}\nThe input: ${JSON.stringify(input)}`,
        { cause },
      );
    }
  }

  async function tryAll(url: string, protocol: (typeof PROTOCOLS)[number]): Promise<void> {
    let next = 0;
    const lane = async () => {
      for (let index = next++; index < RUNS; index = next++) await tryInput(url, protocol, index);
    };
    await Promise.all(Array.from({ length: LANES }, lane));
  }

  describe.each(['gateway', 'media'] as const)('at the port of %s', (service) => {
    it.each(PROTOCOLS)('are answered, and cost nobody else anything: %s', async (protocol) => {
      const { graph } = story;
      if (!graph) return;
      const { pids } = graph;
      await tryAll(graph.urls[service], protocol);
      expect(graph.pids).toEqual(pids);
      expect(graph.logs().filter((line) => line.includes('"msg":"defect"') || line.includes('"fatal"'))).toEqual([]);
    });
  });

  it('leave everything as it was', async () => {
    expect(story.graph?.logs()).toEqual([]);
    expect(expectData(await person.run('MyMedia')).myMedia.totalCount).toBe(0);
  });
});
