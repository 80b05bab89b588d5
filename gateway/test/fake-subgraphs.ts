import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createLog, type ServiceProcess } from '@taskgraph/service-kit';
import { PATIENCE, postGraphQL, testJwks, type GraphQLResult } from '@taskgraph/testkit';
import {
  composeSdl,
  startSubgraph,
  type FakeSubgraph,
  type StartedSubgraph,
} from '../../packages/federation-engine/test/fake-subgraphs.js';
import { createGateway, readGatewayConfig, type GatewayParts } from '../src/gateway.js';

export type { FakeFeed } from '../../packages/federation-engine/test/fake-feed.js';
export * from '../../packages/federation-engine/test/fake-subgraphs.js';

export interface GatewayUnderTest extends AsyncDisposable {
  readonly url: string;
  readonly service: ServiceProcess;
  readonly supergraphPath: string;
  readonly subgraphs: Readonly<Record<string, StartedSubgraph>>;
  run(
    query: string,
    options?: {
      variables?: Record<string, unknown>;
      token?: string;
      headers?: Record<string, string>;
      signal?: AbortSignal;
    },
  ): Promise<GraphQLResult>;
}

/** Starts subgraphs with schemas of the test's own, composes them, and starts the real gateway in front. */
export async function startGateway(
  fakes: readonly FakeSubgraph[],
  settings: Record<string, string> = {},
  parts: Partial<GatewayParts> = {},
): Promise<GatewayUnderTest> {
  const folder = await mkdtemp(path.join(tmpdir(), 'taskgraph-gateway-'));
  const supergraphPath = path.join(folder, 'supergraph.graphql');
  const started = await Promise.all(fakes.map(startSubgraph));
  const stopSubgraphs = () => Promise.all(started.map((subgraph) => subgraph.stop()));
  const start = async () => {
    await writeFile(
      supergraphPath,
      composeSdl(started.map(({ name, url }, index) => ({ name, url, typeDefs: fakes[index]?.typeDefs ?? '' }))),
    );
    return createGatewayUnderTest(supergraphPath, started, settings, parts);
  };
  // What cannot be composed or served is told by its own error, not by the servers that it leaves behind.
  const gateway = await start().catch(async (error: unknown) => {
    await stopSubgraphs();
    throw error;
  });
  return {
    ...gateway,
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      await stopSubgraphs();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Starts a gateway in front of subgraphs that run, such as those of a first one; it is stopped before them. */
export function startGatewayOn(
  { supergraphPath, subgraphs }: Pick<GatewayUnderTest, 'supergraphPath' | 'subgraphs'>,
  settings: Record<string, string> = {},
  parts: Partial<GatewayParts> = {},
): Promise<GatewayUnderTest> {
  return createGatewayUnderTest(supergraphPath, Object.values(subgraphs), settings, parts);
}

async function createGatewayUnderTest(
  supergraphPath: string,
  subgraphs: readonly StartedSubgraph[],
  settings: Record<string, string>,
  parts: Partial<GatewayParts> = {},
): Promise<GatewayUnderTest> {
  const service = await createGateway(
    readGatewayConfig({
      INTROSPECTION: '1',
      SANDBOX: '1',
      RATE_LIMITS: '0',
      GATEWAY_PORT: '0',
      SUPERGRAPH_PATH: supergraphPath,
      SUPERGRAPH_POLL_MS: '20',
      ...PATIENCE,
      SLOW_OPERATION_MS: '60000',
      ...settings,
    }),
    { jwks: testJwks, log: createLog({ service: 'gateway', level: 'silent' }), ...parts },
  );
  const { url } = await service.listen();
  return {
    url,
    service,
    supergraphPath,
    subgraphs: Object.fromEntries(subgraphs.map((subgraph) => [subgraph.name, subgraph])),
    run: (query, options = {}) => postGraphQL(url, { query, ...options }),
    [Symbol.asyncDispose]: () => service.close(),
  };
}
