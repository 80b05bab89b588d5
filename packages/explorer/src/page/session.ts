import { create } from 'zustand';

/** The user who is signed in. Tokens are in memory only: a page that is loaded anew asks for a new sign-in. */
export interface Session {
  readonly userName: string | null;
  readonly accessToken: string | null;
  /** What is wrong with what was tried last. */
  readonly problem: string | null;
  /** Set while a code is asked for. */
  readonly challenge: string | null;
}

interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly expiresIn: number;
  readonly user: { readonly displayName?: string };
}

interface Answered {
  readonly data?: Record<
    string,
    ({ __typename: string; message?: string; challenge?: string } & Partial<Tokens>) | null
  > | null;
  readonly errors?: ReadonlyArray<{ readonly message: string }>;
}

const NOBODY: Session = { userName: null, accessToken: null, problem: null, challenge: null };
const TOKENS = '__typename ... on AuthPayload { accessToken refreshToken expiresIn user { displayName } }';
const MESSAGE = (problem: string) => `... on ${problem} { message }`;
const LOGIN = `mutation Login($input: LoginInput!) { login(input: $input) { ${TOKENS} ${MESSAGE('InvalidCredentialsProblem')} ${MESSAGE('AccountLockedProblem')} ... on SecondFactorRequired { challenge } } }`;
const COMPLETE = `mutation CompleteLogin($input: CompleteLoginInput!) { completeLogin(input: $input) { ${TOKENS} ${MESSAGE('InvalidCodeProblem')} ${MESSAGE('AccountLockedProblem')} } }`;
const REFRESH = `mutation RefreshSession($refreshToken: String!) { refreshSession(refreshToken: $refreshToken) { ${TOKENS} ${MESSAGE('InvalidRefreshTokenProblem')} } }`;
const LOGOUT = 'mutation Logout { logout { revokedSessions } }';
/** Of an access token's life, after which it is renewed. */
const RENEW_AT = 0.8;

export const useSession = create<Session>(() => NOBODY);

let renewal: ReturnType<typeof setTimeout> | undefined;

export async function logIn(endpoint: string, email: string, password: string): Promise<void> {
  await open(endpoint, LOGIN, { input: { email, password } });
}

export async function completeLogin(endpoint: string, code: string): Promise<void> {
  const { challenge } = useSession.getState();
  await open(endpoint, COMPLETE, { input: { challenge, code } });
}

export async function logOut(endpoint: string): Promise<void> {
  clearTimeout(renewal);
  const { accessToken } = useSession.getState();
  useSession.setState(NOBODY);
  await ask(endpoint, LOGOUT, {}, accessToken).catch(() => undefined);
}

async function open(endpoint: string, query: string, variables: Record<string, unknown>): Promise<void> {
  clearTimeout(renewal);
  try {
    const { data, errors } = await ask(endpoint, query, variables, null);
    const payload = Object.values(data ?? {})[0];
    if (payload?.__typename === 'AuthPayload') return enter(endpoint, payload as Tokens);
    if (payload?.challenge !== undefined) return useSession.setState({ ...NOBODY, challenge: payload.challenge }, true);
    const problem = payload?.message ?? errors?.[0]?.message ?? 'There is no answer.';
    useSession.setState({ problem, accessToken: null, userName: null });
  } catch (error) {
    useSession.setState({ problem: String(error), accessToken: null, userName: null });
  }
}

function enter(endpoint: string, { accessToken, refreshToken, expiresIn, user }: Tokens): void {
  useSession.setState({ ...NOBODY, accessToken, userName: user.displayName ?? 'signed in' });
  renewal = setTimeout(() => void open(endpoint, REFRESH, { refreshToken }), expiresIn * 1000 * RENEW_AT);
}

async function ask(
  endpoint: string,
  query: string,
  variables: Record<string, unknown>,
  token: string | null,
): Promise<Answered> {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json',
      'apollographql-client-name': 'explorer',
      ...(token !== null && { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ query, variables }),
  });
  return (await response.json()) as Answered;
}
