import { runProcess } from '@taskgraph/service-kit';
import { readGatewayConfig } from './config.js';
import { createGatewayProcess } from './gateway-workers.js';

await runProcess(async () => createGatewayProcess(readGatewayConfig()));
