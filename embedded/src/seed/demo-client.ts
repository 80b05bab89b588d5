import type { DemoPerson } from './demo-people.js';

/** Sends operations to the gateway in one person's name, as any client would. */
export interface DemoClient {
  /** @throws when the answer holds an error */
  run<Data>(query: string, variables: Readonly<Record<string, unknown>>): Promise<Data>;
  /** Uploads `file` as the variable `$file`. @throws when the answer holds an error */
  upload<Data>(
    query: string,
    variables: Readonly<Record<string, unknown>>,
    file: { readonly name: string; readonly type: string; readonly content: Buffer },
  ): Promise<Data>;
}

const LOGIN =
  'mutation SeedLogin($input: LoginInput!) { login(input: $input) { __typename ... on AuthPayload { accessToken user { id } } } }';
const REGISTER =
  'mutation SeedRegister($input: RegisterInput!) { register(input: $input) { __typename ... on AuthPayload { accessToken user { id } } } }';

interface AuthAnswer {
  readonly __typename: string;
  readonly accessToken?: string;
  readonly user?: { readonly id: string };
}

/** Registers a demo person, who is logged in instead when there already. @throws when the account has another password */
export async function openDemoClient(
  graphqlUrl: string,
  person: DemoPerson,
  signal: AbortSignal,
): Promise<{ client: DemoClient; userId: string }> {
  const { displayName, email, password } = person;
  const nobody = createClient(graphqlUrl, null, signal);
  let { register: answer } = await nobody.run<{ register: AuthAnswer }>(REGISTER, {
    input: { email, password, displayName },
  });
  if (answer.accessToken === undefined) {
    ({ login: answer } = await nobody.run<{ login: AuthAnswer }>(LOGIN, { input: { email, password } }));
  }
  if (answer.accessToken === undefined || !answer.user)
    throw new Error(`${email} cannot log in (${answer.__typename}): somebody has changed the password`);
  return { client: createClient(graphqlUrl, answer.accessToken, signal), userId: answer.user.id };
}

function createClient(graphqlUrl: string, token: string | null, signal: AbortSignal): DemoClient {
  const headers: Record<string, string> = {
    'apollographql-client-name': 'taskgraph-seed',
    ...(token !== null && { authorization: `Bearer ${token}` }),
  };
  return {
    async run<Data>(query: string, variables: Readonly<Record<string, unknown>>) {
      const response = await fetch(graphqlUrl, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body: JSON.stringify({ query, variables }),
        signal,
      });
      return readData<Data>(response);
    },
    async upload<Data>(
      query: string,
      variables: Readonly<Record<string, unknown>>,
      { name, type, content }: { name: string; type: string; content: Buffer },
    ) {
      // The parts' order is the specification's: operations, map, files.
      const form = new FormData();
      form.set('operations', JSON.stringify({ query, variables: { ...variables, file: null } }));
      form.set('map', JSON.stringify({ 0: ['variables.file'] }));
      form.set('0', new Blob([new Uint8Array(content)], { type }), name);
      const response = await fetch(graphqlUrl, {
        method: 'POST',
        headers: { ...headers, 'apollo-require-preflight': '1' },
        body: form,
        signal,
      });
      return readData<Data>(response);
    },
  };
}

async function readData<Data>(response: Response): Promise<Data> {
  const text = await response.text();
  const answer = JSON.parse(text) as { data?: Data | null; errors?: ReadonlyArray<{ message: string }> };
  if (answer.errors?.length || !answer.data)
    throw new Error(
      answer.errors?.map(({ message }) => message).join('; ') ?? `HTTP ${response.status}: ${text.slice(0, 200)}`,
    );
  return answer.data;
}
