import { createLog, type ServiceProcess } from '@taskgraph/service-kit';
import {
  cloneDatabase,
  expectData,
  PATIENCE,
  postGraphQL,
  TEST_CLIENT_INFO_SECRET,
  type GraphQLResult,
  type TestDatabase,
} from '@taskgraph/testkit';
import type pg from 'pg';
import type { Mail, Mailer } from '../src/mail/mailer.js';
import { createAuthSubgraph, readAuthConfig, type AuthParts } from '../src/subgraph.js';

export const PASSWORD = 'seven green otters juggle';

export interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly expiresIn: number;
  readonly user: { readonly id: string; readonly email: string | null };
}

export interface AuthGraph extends AsyncDisposable {
  readonly url: string;
  readonly pool: pg.Pool;
  readonly service: ServiceProcess;
  readonly database: TestDatabase;
  readonly mailbox: Mailbox;
  run(query: string, variables?: Record<string, unknown>, token?: string): Promise<GraphQLResult>;
  /** Registers somebody under a new address. */
  register(email?: string): Promise<Tokens & { readonly email: string }>;
  login(email: string): Promise<Tokens>;
}

export const REGISTER = `mutation($input: RegisterInput!) { register(input: $input) { __typename
  ... on AuthPayload { accessToken refreshToken expiresIn user { id email } }
  ... on EmailTakenProblem { message } ... on WeakPasswordProblem { score suggestions } } }`;
export const LOGIN = `mutation($input: LoginInput!) { login(input: $input) { __typename
  ... on AuthPayload { accessToken refreshToken expiresIn user { id email } } ... on InvalidCredentialsProblem { message } } }`;
export const REFRESH = `mutation($refreshToken: String!) { refreshSession(refreshToken: $refreshToken) { __typename
  ... on AuthPayload { accessToken refreshToken expiresIn user { id email } } ... on InvalidRefreshTokenProblem { message } } }`;

/** What is sent, in the place of a mail server. */
export interface Mailbox extends Mailer {
  readonly mails: Mail[];
  /** Waits for the newest mail to somebody whose subject matches. */
  next(to: string, subject: RegExp): Promise<Mail & { readonly token: string }>;
}

function createMailbox(): Mailbox {
  const mails: Mail[] = [];
  let arrived: () => void = () => undefined;
  return {
    mails,
    async send(mail) {
      mails.push(mail);
      arrived();
    },
    async next(to, subject) {
      for (;;) {
        const index = mails.findIndex((mail) => mail.to === to && subject.test(mail.subject));
        const [mail] = index < 0 ? [] : mails.splice(index, 1);
        if (mail) return { ...mail, token: mail.link?.split('#token=')[1] ?? '' };
        await new Promise<void>((resolve) => (arrived = resolve));
      }
    },
    close: async () => undefined,
  };
}

/** Longer than any test. */
export const NEVER_MS = '3600000';

/** Starts the auth subgraph on a database of its own. It reads the ended sessions once: what it reads by the clock is counted nowhere. */
export async function startAuthGraph(
  settings: Record<string, string> = {},
  given?: TestDatabase,
  parts: Partial<AuthParts> = {},
): Promise<AuthGraph> {
  const database = given ?? (await cloneDatabase('auth'));
  let pool: pg.Pool | undefined;
  const mailbox = createMailbox();
  const service = await createAuthSubgraph(
    readAuthConfig({
      AUTH_PORT: '0',
      AUTH_DATABASE_URL: database.url,
      RATE_LIMITS: '0',
      CLIENT_INFO_SECRET: TEST_CLIENT_INFO_SECRET,
      REVOCATION_POLL_MS: NEVER_MS,
      ...PATIENCE,
      AUTH_KEY_ENCRYPTION_SECRET: 'a secret of at least thirty-two characters',
      ...settings,
    }),
    {
      log: createLog({ service: 'auth', level: 'silent' }),
      mailer: mailbox,
      onPool: (made) => (pool = made),
      ...parts,
    },
  );
  const { url } = await service.listen();
  const run: AuthGraph['run'] = (query, variables = {}, token) => postGraphQL(url, { query, variables, token });
  let count = 0;
  return {
    url,
    pool: pool as pg.Pool,
    service,
    database,
    mailbox,
    run,
    async register(email = `somebody.${(count += 1)}@example.com`) {
      const { register } = expectData(
        await run(REGISTER, { input: { email, password: PASSWORD, displayName: 'Somebody' } }),
      ) as { register: Tokens };
      return { ...register, email };
    },
    async login(email) {
      return (expectData(await run(LOGIN, { input: { email, password: PASSWORD } })) as { login: Tokens }).login;
    },
    async [Symbol.asyncDispose]() {
      await service.close();
      if (!given) await database.drop();
    },
  };
}
