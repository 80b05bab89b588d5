import { runProcess } from '@taskgraph/service-kit';
import { createAuthSubgraph, readAuthConfig } from './subgraph.js';

await runProcess(async () => createAuthSubgraph(readAuthConfig()));
