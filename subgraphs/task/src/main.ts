import { runProcess } from '@taskgraph/service-kit';
import { createTaskSubgraph, readTaskConfig } from './subgraph.js';

await runProcess(async () => createTaskSubgraph(readTaskConfig()));
