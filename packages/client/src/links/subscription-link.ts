import { ApolloLink } from '@apollo/client';
import { CombinedGraphQLErrors, toErrorLike } from '@apollo/client/errors';
import { print } from '@apollo/client/utilities';
import type { FormattedExecutionResult, GraphQLFormattedError } from 'graphql';
import type { Client as SocketClient, SubscribePayload } from 'graphql-ws';
import { Observable } from 'rxjs';

export interface SubscriptionLinkOptions {
  /** Told when events may have been missed for good: read the state anew. */
  readonly onGap: (operation: ApolloLink.Operation) => void;
}

/**
 * Runs subscriptions over a WebSocket, and goes on after the last event that was seen when the connection was lost.
 *
 * Each time it connects again it names that event, so what came meanwhile is told, in order and once. Where that is not possible,
 * because no event was seen yet or the last is no longer known, the subscription goes on with what comes and `onGap` is called.
 * `open` is asked for the connection at each subscription.
 */
export function createSubscriptionLink(open: () => SocketClient, { onGap }: SubscriptionLinkOptions): ApolloLink {
  return new ApolloLink(
    (operation) =>
      new Observable((observer) => {
        const socket = open();
        let lastEventId: string | undefined;
        let isSent = false;
        let stop = () => {};

        const payload: SubscribePayload = {
          ...(operation.operationName !== undefined && { operationName: operation.operationName }),
          query: print(operation.query),
          variables: operation.variables,
          // Read each time that the client subscribes, on a new connection too.
          get extensions() {
            isSent = true;
            return { ...operation.extensions, ...(lastEventId !== undefined && { lastEventId }) };
          },
        };

        const subscribe = () => {
          stop = socket.subscribe<Record<string, unknown>>(payload, {
            next(result) {
              const { eventId, reconnected } = (result.extensions ?? {}) as { eventId?: string; reconnected?: boolean };
              // The gateway itself had lost the service, and knew no event to go on after.
              if (reconnected === true && lastEventId === undefined) onGap(operation);
              lastEventId = eventId ?? lastEventId;
              observer.next(result as FormattedExecutionResult);
            },
            error(error) {
              if (lastEventId !== undefined && isTooLate(error)) {
                lastEventId = undefined;
                subscribe();
                onGap(operation);
              } else observer.error(toError(error));
            },
            complete: () => observer.complete(),
          });
        };
        const unlisten = socket.on('connected', () => {
          if (isSent && lastEventId === undefined) onGap(operation);
        });
        subscribe();
        return () => {
          unlisten();
          stop();
        };
      }),
  );
}

function isTooLate(error: unknown): boolean {
  return (
    Array.isArray(error) &&
    (error as GraphQLFormattedError[]).some(({ extensions }) => extensions?.['reason'] === 'RESUME_EXPIRED')
  );
}

function toError(error: unknown): Error {
  if (Array.isArray(error)) return new CombinedGraphQLErrors({ errors: error as GraphQLFormattedError[] });
  if (error instanceof Error) return error;
  const { code, reason } = (error ?? {}) as { code?: number; reason?: string };
  if (code !== undefined) return new Error(`The connection was closed with ${code}${reason ? `: ${reason}` : ''}.`);
  return toErrorLike(error);
}
