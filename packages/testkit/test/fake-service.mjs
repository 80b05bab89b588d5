// A service for the test of spawnService: ready when told so, and it ends on SIGTERM as FAKE_EXIT_CODE says.
import { createServer } from 'node:http';

if (process.env.FAKE_FAULT) {
  console.error(process.env.FAKE_FAULT);
  process.exit(78);
}
let asked = 0;
const server = createServer((request, response) => {
  asked += 1;
  // Not ready at first: readiness has to be waited for.
  response
    .writeHead(request.url === '/health/ready' && asked < 3 ? 503 : 200)
    .end(JSON.stringify({ env: process.env, pid: process.pid }));
});
server.listen(Number(process.env.FAKE_PORT), '127.0.0.1', () =>
  console.log('{"msg":"listening","requestId":"request-of-the-fake"}'),
);
process.on('SIGTERM', () => {
  process.stdout.write('the last words, without an end of line');
  server.close(() => process.exit(Number(process.env.FAKE_EXIT_CODE ?? 0)));
  server.closeAllConnections();
});
