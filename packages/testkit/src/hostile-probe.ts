import { isErrorCode } from '@taskgraph/contracts';
import { inspect } from 'node:util';
import type { GraphQLBody } from './graphql-client.js';
import type { HostilePlace, HostileRequest, Samples } from './hostile-inputs.js';

export interface HostileTarget {
  /** Samples for one request. */
  readonly samples: () => Promise<Samples>;
  /** Sends a request and tells its answer; of a subscription the first that comes. */
  readonly send: (
    request: HostileRequest,
    operation: HostilePlace['operation'],
  ) => Promise<{ readonly status: number; readonly body: GraphQLBody<unknown> }>;
  /** Counts what is stored. */
  readonly countRows: () => Promise<unknown>;
}

/** Words of the layers below, which no client is to see. */
const INSIDES = /prisma|node_modules|invalid `|\bat .+:\d+:\d+\)|postgres|syntax error/i;
const MAX_SHOWN = 300;

/**
 * Sends every hostile value for a place, and tells what is wrong with the answers: anything but a right answer or an error with
 * a code of a client's fault, and anything that an error has left behind.
 */
export async function probeHostilePlace(place: HostilePlace, target: HostileTarget): Promise<string[]> {
  const faults: string[] = [];
  const writes = place.operation === 'mutation';
  let requests = place.requests(await target.samples());
  let stored = writes ? JSON.stringify(await target.countRows()) : '';
  for (let index = 0; index < requests.length; index += 1) {
    const request = requests[index];
    if (!request) continue;
    const tell = (what: string) =>
      faults.push(`${what}: ${inspect(request.variables, { depth: 6, breakLength: Infinity }).slice(0, MAX_SHOWN)}`);
    const { status, body } = await target.send(request, place.operation);
    const { data, errors = [] } = body;
    if (status >= 500) tell(`status ${status}`);
    if (typeof body !== 'object' || (data === undefined && errors.length === 0)) tell('neither data nor errors');
    for (const { message, extensions } of errors) {
      const code = extensions?.code;
      if (code === undefined || !isErrorCode(code) || code === 'INTERNAL_SERVER_ERROR')
        tell(`code ${code}, ${message}`);
      if (INSIDES.test(message)) tell(`message ${message}`);
    }
    if (!writes) continue;
    if (errors.length === 0) {
      // What was good may have used its samples up.
      requests = place.requests(await target.samples());
      stored = JSON.stringify(await target.countRows());
      continue;
    }
    const after = JSON.stringify(await target.countRows());
    if (after !== stored) tell(`something is left of ${errors[0]?.extensions?.code}`);
    stored = after;
  }
  return faults;
}
