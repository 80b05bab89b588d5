import { createServer } from 'node:net';
import { chooseFreePort } from '@taskgraph/databases';
import { loopbackOf } from '@taskgraph/service-kit';
import { portSetting, SERVICES, type EmbeddedConfig, type ServiceName } from './config.js';
import { LaunchError } from './launch-error.js';

const PROBE_TIMEOUT_MS = 1_000;

/** Makes sure that every service can listen, and chooses a port where 0 leaves it open. @throws LaunchError with all faults */
export async function reservePorts(config: EmbeddedConfig): Promise<Record<ServiceName, number>> {
  const faults = (await Promise.all(SERVICES.map((name) => findFault(name, config)))).filter((fault) => fault !== null);
  if (faults.length > 0) {
    const [first] = faults;
    throw new LaunchError(faults.map(({ text }) => text).join('\n'), [
      faults.some(({ taskgraph }) => taskgraph)
        ? 'Stop the other one, or choose other ports (0 is any free one), for example:'
        : 'Stop that program, or choose other ports (0 is any free one), for example:',
      `  ${faults.map(({ setting }) => `${setting}=0`).join(' ')} npm start`,
      ...(first?.kind === 'host' ? ['HOST has to be an address of this machine, such as 127.0.0.1 or 0.0.0.0.'] : []),
    ]);
  }
  const ports = { ...config.ports };
  for (const name of SERVICES) {
    const taken = new Set(Object.values(ports));
    while (ports[name] === 0) {
      const port = await chooseFreePort();
      if (!taken.has(port)) ports[name] = port;
    }
  }
  return ports;
}

interface PortFault {
  readonly kind: 'port' | 'host';
  readonly setting: string;
  readonly text: string;
  readonly taskgraph: boolean;
}

async function findFault(name: ServiceName, { host, ports }: EmbeddedConfig): Promise<PortFault | null> {
  const port = ports[name];
  const code = await tryListening(host, port);
  if (code === null) return null;
  const setting = portSetting(name);
  const fault = (text: string, kind: 'port' | 'host' = 'port', taskgraph = false) => ({
    kind,
    setting,
    text: `${setting}: ${text}`,
    taskgraph,
  });
  switch (code) {
    case 'EADDRINUSE': {
      const other = await findTaskgraph(host, port);
      return other === null
        ? fault(`port ${port} is in use by another program`)
        : fault(`port ${port} is in use by the ${other} service of another Taskgraph`, 'port', true);
    }
    case 'EACCES':
      return fault(`this user may not listen on port ${port}; ports below 1024 belong to root`);
    default:
      return fault(`cannot listen on ${host}:${port} (${code})`, 'host');
  }
}

/** Returns the code of what goes wrong, or null. */
function tryListening(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)));
  });
}

/** Asks the server that listens whether it is one of ours, and which. */
async function findTaskgraph(host: string, port: number): Promise<string | null> {
  try {
    const response = await fetch(`http://${loopbackOf(host)}:${port}/metrics`, {
      signal: AbortSignal.timeout(PROBE_TIMEOUT_MS),
    });
    return /^taskgraph_[^{]*\{[^}]*service="([a-z]+)"/m.exec(await response.text())?.[1] ?? null;
  } catch {
    return null;
  }
}
