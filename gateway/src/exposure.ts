import { isLoopback, type Log } from '@taskgraph/service-kit';
import type { GatewayConfig } from './config.js';

/** What helps the developer of a client helps an attacker that looks for a way in, once others than the developer can reach it. */
export function warnOfExposure({ HOST: host, introspection, sandbox, origins }: GatewayConfig, log: Log): void {
  const open = [
    introspection && 'INTROSPECTION',
    sandbox && 'SANDBOX',
    origins.some(({ kind }) => kind === 'any') && 'CORS_ORIGINS',
  ].filter(Boolean);
  if (open.length > 0 && !isLoopback(host))
    log.warn(
      { host, open },
      'strangers can reach what is meant for development: set NODE_ENV=production, or these settings',
    );
}
