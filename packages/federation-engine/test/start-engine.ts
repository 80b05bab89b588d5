import { randomUUID } from 'node:crypto';
import type { AnswerPart, GraphQLResult } from '@taskgraph/testkit';
import { createEngine, type Engine, type EngineOptions, type EngineResult } from '../src/index.js';
import { composeSdl, startSubgraph, type FakeSubgraph, type StartedSubgraph } from './fake-subgraphs.js';

interface Request {
  readonly variables?: Record<string, unknown>;
  readonly token?: string;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
}

export interface EngineUnderTest extends AsyncDisposable {
  readonly engine: Engine;
  readonly subgraphs: Readonly<Record<string, StartedSubgraph>>;
  /** The answer as one whole, with the status that a host without more to say gives it. */
  run(query: string, request?: Request): Promise<GraphQLResult>;
  /** The answer's text, as the engine writes it. */
  runText(query: string, request?: Request): Promise<string>;
  /** All parts of an answer that comes in parts. */
  runParts(query: string, request?: Request): Promise<AnswerPart[]>;
}

/** Starts subgraphs with schemas of the test's own, composes them, and starts the engine in front, without a gateway. */
export async function startEngine(
  fakes: readonly FakeSubgraph[],
  options: Partial<EngineOptions> = {},
): Promise<EngineUnderTest> {
  const started = await Promise.all(fakes.map(startSubgraph));
  const stopSubgraphs = () => Promise.all(started.map((subgraph) => subgraph.stop()));
  const start = async () =>
    createEngine({
      supergraph: composeSdl(
        started.map(({ name, url }, index) => ({ name, url, typeDefs: fakes[index]?.typeDefs ?? '' })),
      ),
      ...options,
    });
  const engine = await start().catch(async (error: unknown) => {
    await stopSubgraphs();
    throw error;
  });

  const execute = (query: string, request: Request, incremental?: 'deferSpec=20220824'): Promise<EngineResult> => {
    const { token, headers, ...others } = request;
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
    return engine.execute({ query, headers: { ...authorization, ...headers }, incremental, ...others });
  };
  return {
    engine,
    subgraphs: Object.fromEntries(started.map((subgraph) => [subgraph.name, subgraph])),
    async run(query, request = {}) {
      const { body, isExecuted, cacheControl } = await execute(query, request);
      return {
        status: isExecuted ? 200 : 400,
        headers: new Headers(cacheControl === null ? {} : { 'cache-control': cacheControl }),
        body: JSON.parse(body) as GraphQLResult['body'],
        request: { url: 'engine', query, variables: request.variables ?? null, requestId: randomUUID() },
      };
    },
    runText: async (query, request = {}) => (await execute(query, request)).body,
    async runParts(query, request = {}) {
      const { body, parts } = await execute(query, request, 'deferSpec=20220824');
      const all = [JSON.parse(body) as AnswerPart];
      for await (const part of parts ?? []) all.push(JSON.parse(part) as AnswerPart);
      return all;
    },
    async [Symbol.asyncDispose]() {
      await engine.close();
      await stopSubgraphs();
    },
  };
}
