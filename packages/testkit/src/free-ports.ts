import { randomInt } from 'node:crypto';
import { isPortFree } from '@taskgraph/databases';

/** Below the range from which systems take ports for outgoing connections, so that none is lost between choice and use. */
const LOWEST = 20_000;
const HIGHEST = 32_000;

/** Chooses ports of the loopback interface that nobody listens on. */
export async function chooseFreePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = randomInt(LOWEST, HIGHEST);
    if (!ports.has(port) && (await isPortFree(port))) ports.add(port);
  }
  return [...ports];
}
