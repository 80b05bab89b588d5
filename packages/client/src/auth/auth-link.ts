import { ApolloLink, ServerError } from '@apollo/client';
import { isMutationOperation } from '@apollo/client/utilities';
import { Kind, OperationTypeNode, type DocumentNode, type GraphQLFormattedError } from 'graphql';
import { Observable, type Subscription } from 'rxjs';
import type { Session } from './session.js';
import type { AuthPayloadLike } from './tokens.js';

/** Asks for a session in a cookie, where a mutation begins one, and to have the cookie cleared where it ends one. */
const WANTS_COOKIE = { 'taskgraph-session': 'cookie' };

/** A session whose tokens the page throws away would be nobody's. */
const NO_COOKIES =
  'The gateway has answered with tokens: it keeps no sessions in cookies (SESSION_COOKIES), or not for pages of this origin (CORS_ORIGINS).';

/** Why nobody is known by the token that was sent. */
type Refused = 'token' | 'session';

/**
 * Sends each operation in the name of the user who is signed in.
 *
 * A token that is refused is replaced once, and the operation sent again: a query always, a mutation where no field of it was done.
 * What signs in or out on its way begins or ends the session.
 */
export function createAuthLink(session: Session): ApolloLink {
  return new ApolloLink(
    (operation, forward) =>
      new Observable((observer) => {
        let inner: Subscription | undefined;
        const isMutation = isMutationOperation(operation.query);

        const send = (token: string | null, mayReplace: boolean): void => {
          operation.setContext(({ headers }) => ({
            headers: {
              ...(headers as object),
              ...(token !== null && { authorization: `Bearer ${token}` }),
              ...(session.isInCookie && isMutation && WANTS_COOKIE),
            },
          }));
          let isReplaced = false;
          const { begunAt } = session;
          const settle = (errors: readonly GraphQLFormattedError[] | undefined, data: unknown): boolean => {
            const refused = token === null && !session.isInCookie ? null : refusedBy(errors);
            // The gateway renews what a cookie stands for: one that is refused is over. Somebody may have signed in meanwhile.
            if (session.isInCookie && refused !== null && session.begunAt === begunAt) session.forget();
            if (token === null || refused === null) return false;
            if (refused === 'session') {
              forgetIf(session, token);
              return false;
            }
            if (!mayReplace || (isMutation && hasDone(data))) return false;
            isReplaced = true;
            session.replace(token).then(
              (next) => {
                if (!observer.closed) send(next, false);
              },
              (error: unknown) => observer.error(error),
            );
            return true;
          };
          inner = forward(operation).subscribe({
            next(result) {
              const { errors, data } = result as {
                errors?: readonly GraphQLFormattedError[];
                data?: Record<string, unknown> | null;
              };
              if (settle(errors, data)) return;
              if (isMutation && data) {
                if (session.isInCookie && Object.values(data).some(hasTokens))
                  return observer.error(new Error(NO_COOKIES));
                follow(session, operation.query, data);
              }
              observer.next(result);
            },
            error(error: unknown) {
              if (!settle(errorsIn(error), null)) observer.error(error);
            },
            complete() {
              if (!isReplaced) observer.complete();
            },
          });
        };

        session.accessToken().then(
          (token) => {
            if (!observer.closed) send(token, true);
          },
          (error: unknown) => observer.error(error),
        );
        return () => inner?.unsubscribe();
      }),
  );
}

/** A GraphQL answer with a status of HTTP that is no success, where its type says no more than JSON. */
function errorsIn(error: unknown): readonly GraphQLFormattedError[] | undefined {
  if (!ServerError.is(error)) return undefined;
  try {
    return (JSON.parse(error.bodyText) as { errors?: readonly GraphQLFormattedError[] }).errors;
  } catch {
    return undefined;
  }
}

function refusedBy(errors: readonly GraphQLFormattedError[] | undefined): Refused | null {
  const refusals = errors?.filter(({ extensions }) => extensions?.['code'] === 'UNAUTHENTICATED') ?? [];
  if (refusals.length === 0) return null;
  const isOver = refusals.some(({ extensions }) =>
    [extensions?.['reason'], extensions?.['cause']].includes('SESSION_REVOKED'),
  );
  return isOver ? 'session' : 'token';
}

/** Whether a mutation has changed something: a field of it has an answer. */
function hasDone(data: unknown): boolean {
  return Object.entries(data ?? {}).some(([name, value]) => name !== '__typename' && value !== null);
}

/** The session that a refusal tells of may be another by now. */
function forgetIf(session: Session, token: string): void {
  session.accessToken().then(
    (current) => {
      if (current === token) session.forget();
    },
    () => undefined,
  );
}

const ENDS_SESSION = new Set(['logout', 'logoutEverywhere', 'deleteMyAccount']);

/** Begins or ends the session with what a mutation has answered. */
function follow(session: Session, document: DocumentNode, data: Readonly<Record<string, unknown>>): void {
  for (const value of Object.values(data))
    if (isAuthPayload(value) && (session.isInCookie || hasTokens(value))) session.begin(value);
  for (const name of endingFields(document)) {
    const answer = data[name] as { readonly __typename?: string } | null | undefined;
    if (answer && !(answer.__typename ?? '').endsWith('Problem')) session.forget();
  }
}

/** The names, in the answer, of the fields of a document that end a session. */
function endingFields(document: DocumentNode): string[] {
  return document.definitions.flatMap((definition) =>
    definition.kind === Kind.OPERATION_DEFINITION && definition.operation === OperationTypeNode.MUTATION
      ? definition.selectionSet.selections.flatMap((selection) =>
          selection.kind === Kind.FIELD && ENDS_SESSION.has(selection.name.value)
            ? [selection.alias?.value ?? selection.name.value]
            : [],
        )
      : [],
  );
}

function isAuthPayload(value: unknown): value is AuthPayloadLike {
  const payload = value as (Partial<AuthPayloadLike> & { __typename?: string }) | null;
  return payload?.__typename === 'AuthPayload' && typeof payload.user?.id === 'string';
}

/** They are empty beside a cookie. */
function hasTokens(value: unknown): boolean {
  const { accessToken, refreshToken, expiresIn } = (value ?? {}) as Partial<AuthPayloadLike>;
  return (
    typeof accessToken === 'string' &&
    accessToken !== '' &&
    typeof refreshToken === 'string' &&
    typeof expiresIn === 'number'
  );
}
