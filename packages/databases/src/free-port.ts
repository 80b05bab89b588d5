import { createServer, type AddressInfo } from 'node:net';

const LOOPBACK = '127.0.0.1';

/** Asks the system for a port that nobody listens on. It is free now; nothing keeps it so. */
export function chooseFreePort(): Promise<number> {
  return listenBriefly(0);
}

export async function isPortFree(port: number): Promise<boolean> {
  try {
    await listenBriefly(port);
    return true;
  } catch {
    return false;
  }
}

function listenBriefly(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port, host: LOOPBACK, exclusive: true }, () => {
      const { port: actual } = server.address() as AddressInfo;
      server.close(() => resolve(actual));
    });
  });
}
