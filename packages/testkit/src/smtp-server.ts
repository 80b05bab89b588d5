import { createServer, type AddressInfo, type Socket } from 'node:net';
import { createArrivals, type Arrivals } from './arrivals.js';

/** A mail server that tells a test what it gets. */
export interface SmtpServer extends AsyncDisposable {
  /** `smtp://`, with the user and the password where it was started with one. */
  readonly url: string;
  /** Commands, and each message as one: its lines end with CR and LF, and dots at their beginning are doubled (RFC 5321, section 4.5.2). */
  readonly received: readonly string[];
  readonly until: Arrivals<string>['until'];
}

/** Starts a server that speaks as much SMTP as a client needs, and takes any password. */
export async function startSmtpServer({ password }: { readonly password?: string } = {}): Promise<SmtpServer> {
  const received = createArrivals<string>();
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let isData = false;
    let text = '';
    socket.on('error', () => undefined);
    socket.write('220 test\r\n');
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      for (;;) {
        const end = isData ? text.indexOf('\r\n.\r\n') : text.indexOf('\r\n');
        if (end < 0) return;
        const line = text.slice(0, end);
        text = text.slice(end + (isData ? 5 : 2));
        socket.write(`${answerTo(line, isData)}\r\n`);
        isData = !isData && line === 'DATA';
        received.add(line);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `smtp://${password === undefined ? '' : `taskgraph:${encodeURIComponent(password)}@`}127.0.0.1:${port}`,
    received: received.items,
    until: received.until,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function answerTo(line: string, isData: boolean): string {
  if (isData) return '250 taken';
  if (line === 'DATA') return '354 go on';
  return line.startsWith('AUTH ') ? '235 known' : '250 fine';
}
