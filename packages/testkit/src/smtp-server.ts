import { createServer, type AddressInfo, type Socket } from 'node:net';
import { createArrivals, type Arrivals } from './arrivals.js';

/** A mail server that tells a test what it gets. */
export interface SmtpServer extends AsyncDisposable {
  /** `smtp://`, with the user and the password where it was started with one. */
  readonly url: string;
  /** Commands, and each message as one: its lines end with CR and LF, and dots at their beginning are doubled (RFC 5321, section 4.5.2). */
  readonly received: readonly string[];
  /** How often somebody has come. */
  readonly connections: () => number;
  readonly until: Arrivals<string>['until'];
}

export interface SmtpServerOptions {
  readonly password?: string;
  /** What becomes of a client that logs in; `not offered` is a server that does not know how, and takes mails of everybody. */
  readonly logins?: 'taken' | 'refused' | 'cut off' | 'not offered';
  /** Where it listens; its URL says 127.0.0.1 all the same. */
  readonly host?: string;
  /** False closes each connection before a word is said. */
  readonly greets?: boolean;
}

/** Starts a server that speaks as much SMTP as a client needs, and takes any password unless it is told otherwise. */
export async function startSmtpServer({
  password,
  logins = 'taken',
  greets = true,
  host = '127.0.0.1',
}: SmtpServerOptions = {}): Promise<SmtpServer> {
  const received = createArrivals<string>();
  let connections = 0;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    connections += 1;
    if (!greets) return void socket.on('error', () => undefined).end();
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
        received.add(line);
        if (logins === 'cut off' && line.startsWith('AUTH ')) return void socket.destroy();
        socket.write(`${answerTo(line, isData, logins)}\r\n`);
        isData = !isData && line === 'DATA';
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `smtp://${password === undefined ? '' : `taskgraph:${encodeURIComponent(password)}@`}127.0.0.1:${port}`,
    received: received.items,
    connections: () => connections,
    until: received.until,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function answerTo(line: string, isData: boolean, logins: SmtpServerOptions['logins']): string {
  if (isData) return '250 taken';
  if (line === 'DATA') return '354 go on';
  if (line.startsWith('EHLO ')) return logins === 'not offered' ? '250 test' : '250-test\r\n250 AUTH PLAIN';
  if (line === 'STARTTLS') return '502 no TLS here';
  if (!line.startsWith('AUTH ')) return '250 fine';
  if (logins === 'not offered') return '502 what is that';
  return logins === 'refused' ? '535 unknown' : '235 known';
}
