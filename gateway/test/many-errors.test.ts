import { describe, expect, it } from '@jest/globals';
import { createLog } from '@taskgraph/service-kit';
import { startGateway, type FakeSubgraph } from './fake-subgraphs.js';

const LINK = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])';
const MANY = 250_000;
const MAX = 50;
const times = (text: string) => Array.from({ length: MANY }, () => text).join(',');

/** A shelf whose service answers wrong values, and a service of what it cannot tell. */
function shelf(answer: string): FakeSubgraph[] {
  return [
    {
      name: 'shelf',
      typeDefs: `${LINK}
        type Query { labels: [String] strict: [String!] label: String boxes: [Box] }
        type Box @key(fields: "id") { id: ID! weight: Int! }`,
      intercept(request, response) {
        request.resume().on('end', () => {
          response.setHeader('content-type', 'application/json');
          response.end(answer);
        });
        return true;
      },
    },
    {
      name: 'contents',
      typeDefs: `${LINK} type Query { other: Int } type Box @key(fields: "id") { id: ID! content: String }`,
      intercept(_request, response) {
        response.writeHead(500).end();
        return true;
      },
    },
  ];
}

describe('an answer with more wrong values than can be told', () => {
  it.each([
    ['{ labels label }', `"labels":[${times('[]')}]`, { labels: Array.from({ length: MANY }, () => null) }],
    ['{ strict label }', `"strict":[${times('null')}]`, { strict: null }],
    [
      '{ boxes { weight } label }',
      `"boxes":[${times('{"__typename":"Box"}')}]`,
      { boxes: Array.from({ length: MANY }, () => null) },
    ],
    [
      '{ boxes { content } label }',
      `"boxes":[${Array.from({ length: MANY }, (_, id) => `{"__typename":"Box","id":"${id}"}`).join(',')}]`,
      { boxes: Array.from({ length: MANY }, () => ({ content: null })) },
    ],
  ])(
    '%s is answered with the first errors and the number of the others, and with all that is right',
    async (query, wrong, right) => {
      const lines: Array<Record<string, unknown>> = [];
      const destination = { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) };
      const log = createLog({ service: 'gateway', level: 'error', destination });
      await using gateway = await startGateway(
        shelf(`{"data":{${wrong},"label":"x"}}`),
        { ANSWER_MAX_ERRORS: String(MAX), DEMAND_CONTROL: 'off' },
        { log },
      );
      const { status, body } = await gateway.run(query);
      expect(status).toBe(200);
      // Compared as text: a matcher takes its time for so much.
      expect(JSON.stringify(body.data) === JSON.stringify({ ...right, label: 'x' })).toBe(true);
      const { errors = [] } = body;
      expect(errors).toHaveLength(MAX + 1);
      const more = Number(/^(\d+) more errors are left out\.$/.exec(errors.at(-1)?.message ?? '')?.[1]);
      expect(more).toBeGreaterThan(MAX);
      expect(errors.slice(0, MAX).every(({ path }) => path !== undefined)).toBe(true);
      expect(lines.filter(({ msg }) => msg === 'an answer has more errors than are told')).toMatchObject([
        { count: more },
      ]);
      expect(lines.filter(({ level }) => level === 'error').length).toBeLessThanOrEqual(21);
    },
  );
});
