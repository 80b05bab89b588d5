import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import {
  answerInBytes,
  readClientInfo,
  type Origins,
  type RefusalForm,
  type RefusalForms,
} from '@taskgraph/service-kit';
import { WebSocket, WebSocketServer } from 'ws';
import type { ClientLimits } from '../../admission/client-limits.js';
import { readLabels } from '../../admission/held-labels.js';
import type { ClientAddress } from '../../identity/client-address.js';
import { isEndpoint } from '../endpoint.js';
import { createSweep } from '../sweep.js';
import { within } from '../within.js';
import { Connection, type ConnectedClient, type ConnectionServices } from './connection.js';
import { CLOSE_CODES, readClientNames, SUBPROTOCOL } from './messages.js';

export interface WebSocketEndpointOptions extends ConnectionServices {
  readonly addressOf: ClientAddress;
  readonly limits: Pick<ClientLimits, 'look'>;
  readonly origins: Origins;
  readonly maxConnections: number;
  readonly maxMessageBytes: number;
  /** From the handshake to `connection_init`. */
  readonly initTimeoutMs: number;
  /** Between looks whether a client is still there. */
  readonly heartbeatMs: number;
  /** In small letters; undefined where no header of the handshake says which labels of `@override` hold. */
  readonly labelsHeader: string | undefined;
  /** How a client that opens a WebSocket elsewhere than at the endpoint is told of the refusal. */
  readonly refusalForms: RefusalForms | undefined;
}

/** Takes WebSocket connections of clients. */
interface WebSocketEndpoint {
  /** Takes a request to upgrade to WebSocket. */
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  /** Takes nobody any more; closes every connection when its queries are answered, and waits until they are gone. */
  drain(graceMs: number): Promise<void>;
}

/** The connection is found from the socket, so that all sockets have the same listeners. */
class ClientSocket extends WebSocket {
  connection: Connection | null = null;
}

/** For a client's half of the closing handshake. */
const CLOSE_TIMEOUT_MS = 2_000;
const RETRY_AFTER_SECONDS = 5;

export function createWebSocketEndpoint(options: WebSocketEndpointOptions): WebSocketEndpoint {
  const { initTimeoutMs, heartbeatMs } = options;
  const connections = createSweep<Connection>({
    heartbeatMs,
    otherMs: initTimeoutMs,
    look(connection, now, isItsTurn) {
      if (!connection.isInitialised && now - connection.openedAtMs >= initTimeoutMs)
        connection.close(CLOSE_CODES.initialisationTimeout, 'Connection initialisation timeout');
      else if (now >= connection.credentials.expiresAtMs) connection.expire();
      if (!isItsTurn) return;
      connection.probe();
      void connection.recheck();
    },
  });
  options.identify.onRevocation(() => {
    for (const connection of connections) connection.leaveIfRevoked();
  });
  const serverOptions = {
    noServer: true,
    clientTracking: false,
    // Compression costs some 300 KB for each connection.
    perMessageDeflate: false,
    maxPayload: options.maxMessageBytes,
    closeTimeout: CLOSE_TIMEOUT_MS,
    WebSocket: ClientSocket,
    handleProtocols: (offered: ReadonlySet<string>) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  } as const;
  const server = new WebSocketServer(serverOptions);
  // Its own answer is a page.
  server.on('wsClientError', (_error, socket) => refuseUpgrade(socket, 400));
  options.telemetry.watchSockets(() => connections.size);

  let draining = false;
  let emptied: () => void = () => undefined;

  function open(socket: ClientSocket, client: ConnectedClient): void {
    const connection = new Connection(socket, options, client);
    socket.connection = connection;
    connections.add(connection);
    socket.on('message', onMessage);
    socket.on('pong', onPong);
    socket.on('error', onError);
    socket.on('close', onClose);
    if (socket.protocol !== SUBPROTOCOL)
      connection.close(CLOSE_CODES.subprotocolNotAcceptable, 'Subprotocol not acceptable');
  }

  function onClose(this: WebSocket): void {
    const { connection } = this as ClientSocket;
    if (!connection) return;
    connection.ended();
    connections.delete(connection);
    if (connections.size === 0) emptied();
  }

  return {
    upgrade(request, socket, head) {
      if (!isEndpoint(request.url)) {
        const form = options.refusalForms?.(request.url ?? '') ?? null;
        return refuseUpgrade(socket, 404, {}, form);
      }
      // Browsers let every page open WebSockets to everywhere, and leave it to servers to look at the origin (RFC 6455, section 10.2).
      if (options.origins.of(request) === 'foreign') return refuseUpgrade(socket, 403);
      const address = options.addressOf(request);
      const tooMuch = options.limits.look(address);
      if (tooMuch) return refuseUpgrade(socket, 429, tooMuch.headers);
      if (draining || connections.size >= options.maxConnections) return refuseUpgrade(socket, 503);
      try {
        const client = {
          address,
          overrideLabels: readLabels(request.headers, options.labelsHeader),
          info: readClientInfo(request.headers, null),
          names: readClientNames(request.headers),
          sessionSecret: options.sessionCookies?.find(request) ?? null,
        };
        server.handleUpgrade(request, socket, head, (accepted) => open(accepted, client));
      } catch (error) {
        options.log.error({ err: error }, 'defect');
        socket.destroy();
      }
    },
    async drain(graceMs) {
      draining = true;
      if (connections.size === 0) return;
      const empty = new Promise<void>((resolve) => (emptied = resolve));
      for (const connection of connections) connection.drain();
      await within(graceMs, empty);
      for (const connection of connections) connection.terminate();
    },
  };
}

function onMessage(this: WebSocket, data: Buffer, isBinary: boolean): void {
  (this as ClientSocket).connection?.receive(data, isBinary);
}

function onPong(this: WebSocket): void {
  const { connection } = this as ClientSocket;
  if (connection) connection.isAlive = true;
}

/** The close that follows tells everything. */
function onError(): void {}

const REFUSALS = {
  400: 'The handshake cannot be read.',
  403: 'Pages of this origin may not call: it is not in CORS_ORIGINS.',
  404: 'There is nothing here.',
  429: 'There were too many operations from this address. Try again shortly.',
  503: 'There are too many connections now. Try again shortly.',
} as const;

/** Answers a request to upgrade as an ordinary one. */
function refuseUpgrade(
  socket: Duplex,
  status: keyof typeof REFUSALS,
  headers: Readonly<Record<string, string>> = status === 503 ? { 'retry-after': String(RETRY_AFTER_SECONDS) } : {},
  form: RefusalForm | null = null,
): void {
  socket.on('error', onError);
  answerInBytes(socket, status, REFUSALS[status], headers, form);
}
