import { runProcess } from '@taskgraph/service-kit';
import { createGateway, readGatewayConfig } from './gateway.js';

await runProcess(async () => createGateway(readGatewayConfig()));
