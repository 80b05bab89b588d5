import { AsyncLocalStorage } from 'node:async_hooks';
import type { IncomingHttpHeaders } from 'node:http';
import { MapperKind, mapSchema } from '@graphql-tools/utils';
import { REQUEST_DEADLINE_HEADER } from '@taskgraph/contracts';
import type { GraphQLSchema } from 'graphql';
import { AppError } from './app-error.js';
import type { RequestContext } from './request-context.js';

/** What the clocks of two machines may differ by, and an answer may be late, before anything is refused. */
const TOLERANCE_MS = 1_000;

/** Of the mutation that is being resolved: what it does, and what that calls, is bounded by it. */
const bounds = new AsyncLocalStorage<number>();

/**
 * Reads until when somebody waits for the answer to a request.
 *
 * @returns milliseconds since the epoch; infinity where nothing is said, or nothing that can be read
 */
export function readDeadline(headers: IncomingHttpHeaders): number {
  const value = headers[REQUEST_DEADLINE_HEADER];
  return typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : Infinity;
}

/**
 * Refuses what comes too late: its client has been told that it failed, and may have done something else since. Called where a
 * change begins, and once more before it is committed. Outside a mutation there is nothing to refuse.
 *
 * @throws AppError DEADLINE_EXCEEDED
 */
export function assertInTime(): void {
  const deadline = bounds.getStore();
  if (deadline === undefined || Date.now() <= deadline + TOLERANCE_MS) return;
  throw new AppError(
    'DEADLINE_EXCEEDED',
    'The request has come too late: nobody waits for its answer any more. Nothing was changed.',
    {
      extensions: { lateMs: Date.now() - deadline },
    },
  );
}

/** Does what a mutation leaves for after its answer, without the mutation's deadline: nobody waits for it. */
export function withoutDeadline<Result>(work: () => Result): Result {
  return bounds.exit(work);
}

/**
 * Lets no mutation begin after its deadline, and lets {@link assertInTime} know it in all that a mutation calls. A process that was
 * stopped, or could not keep up, finds requests in its sockets that were given up long ago.
 */
export function refuseLateMutations(schema: GraphQLSchema): GraphQLSchema {
  return mapSchema(schema, {
    [MapperKind.MUTATION_ROOT_FIELD]: (field) => {
      const { resolve } = field;
      if (!resolve) return field;
      return {
        ...field,
        resolve: (source, args, context: RequestContext, info) =>
          bounds.run(context.deadline ?? Infinity, () => {
            assertInTime();
            return resolve(source, args, context, info);
          }),
      };
    },
  });
}
