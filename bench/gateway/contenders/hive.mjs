// Hive Gateway, with its own executor or, with RUST=1, on the Rust query planner.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createGatewayRuntime } from '@graphql-hive/gateway';

const unifiedGraphHandler =
  process.env.RUST === '1' ? (await import('@graphql-hive/router-runtime')).unifiedGraphHandler : undefined;
const gateway = createGatewayRuntime({
  supergraph: readFileSync(process.env.SUPERGRAPH_PATH, 'utf8'),
  propagateHeaders: {
    fromClientToSubgraphs: ({ request }) => ({ authorization: request.headers.get('authorization') ?? '' }),
  },
  logging: false,
  ...(unifiedGraphHandler && { unifiedGraphHandler }),
});
createServer(gateway).listen(Number(process.env.PORT), '127.0.0.1', () => process.send?.('ready'));
process.on('disconnect', () => process.exit(0));
