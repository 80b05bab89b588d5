import { createServer } from 'node:net';

/** Speaks as much SMTP (RFC 5321) as a client needs, and is down, hangs or refuses when it is told to. */
export async function startMailServer() {
  /** Who has got a mail, once for each. */
  const recipients = [];
  const sockets = new Set();
  let mode = 'open';
  let server = null;
  let port = 0;

  function serve(socket) {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    if (mode === 'hanging') return;
    let isData = false;
    let text = '';
    let to = '';
    const say = (line) => void socket.write(`${line}\r\n`);
    say('220 chaos');
    socket.on('data', (chunk) => {
      if (mode === 'hanging') return;
      text += chunk.toString('latin1');
      for (;;) {
        const end = text.indexOf(isData ? '\r\n.\r\n' : '\r\n');
        if (end < 0) return;
        const line = text.slice(0, end);
        text = text.slice(end + (isData ? 5 : 2));
        if (isData) {
          isData = false;
          recipients.push(to);
          say('250 taken');
        } else if (line === 'DATA') {
          isData = true;
          say('354 go on');
        } else if (line.startsWith('RCPT TO:')) {
          to = /<(.*)>/.exec(line)?.[1] ?? '';
          say(mode === 'refusing' ? '451 not now' : '250 fine');
        } else if (line === 'QUIT') socket.end('221 bye\r\n');
        else say('250 fine');
      }
    });
  }

  const start = () =>
    new Promise((resolve, reject) => {
      server = createServer(serve);
      server.once('error', reject);
      server.listen(port, '127.0.0.1', () => {
        port = server.address().port;
        resolve();
      });
    });
  const stop = async () => {
    const closing = server;
    if (closing === null) return;
    server = null;
    const closed = new Promise((resolve) => closing.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  await start();
  return {
    url: `smtp://127.0.0.1:${port}`,
    recipients,
    stop,
    start,
    refuse: () => (mode = 'refusing'),
    hang: () => (mode = 'hanging'),
    open() {
      mode = 'open';
      // A client that was kept waiting begins anew.
      for (const socket of sockets) socket.destroy();
    },
  };
}
