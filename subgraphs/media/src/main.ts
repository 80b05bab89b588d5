import { runProcess } from '@taskgraph/service-kit';
import { createMediaSubgraph, readMediaConfig } from './subgraph.js';

await runProcess(async () => createMediaSubgraph(readMediaConfig()));
