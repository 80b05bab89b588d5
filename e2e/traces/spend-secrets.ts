import { createDecipheriv, createPrivateKey, hkdfSync, randomBytes } from 'node:crypto';
import { withClient } from '@taskgraph/databases';
import { expectData, postGraphQL, smallPng, type SmtpServer, type SpawnedGraph } from '@taskgraph/testkit';
import { Secret, TOTP } from 'otpauth';
import { parseMail } from '../mails.js';
import { operation } from '../operations.js';
import { PASSWORD, tokensOf, type Person, type Story } from '../story.js';

const CHANGE_EMAIL = 'mutation($input: ChangeEmailInput!) { changeEmail(input: $input) { __typename } }';

const newSecret = () => randomBytes(32).toString('hex');

/** Secrets that operators set; those before them are still taken. */
export const SETTINGS = {
  AUTH_KEY_ENCRYPTION_SECRET: newSecret(),
  AUTH_KEY_ENCRYPTION_SECRET_PREVIOUS: newSecret(),
  CLIENT_INFO_SECRET: newSecret(),
  CLIENT_INFO_SECRET_PREVIOUS: newSecret(),
  MEDIA_URL_SECRET: newSecret(),
  MEDIA_URL_SECRET_PREVIOUS: newSecret(),
  EVENT_SOURCE_SECRET: newSecret(),
};

export interface Spending {
  readonly story: Story;
  readonly graph: SpawnedGraph;
  readonly smtp: SmtpServer;
  /** Takes down a secret by what it is. */
  readonly note: (name: string, secret: string | Buffer | null | undefined) => void;
}

/** Has people use every secret that the system gives out or takes, each as a client would and once as a careless one does. */
export async function spendSecrets(spending: Spending): Promise<void> {
  const { story } = spending;
  const [ada, ben, cy] = [await story.newPerson('Ada'), await story.newPerson('Ben'), await story.newPerson('Cy')];
  spending.note('password', PASSWORD);
  await spendTokens(spending, ada);
  await spendPasswords(spending, ada);
  await spendMails(spending, ada);
  await spendSecondFactor(spending, ada);
  await spendCookie(spending, ben);
  await spendLinks(spending, ben);
  await spendCarelessly(spending, ben);
  await spendKeys(spending);
  expectData(await cy.run('DeleteMyAccount', { password: PASSWORD }));
}

function noteTokens({ note }: Spending, name: string, body: Parameters<typeof tokensOf>[0], field: string) {
  const { accessToken, refreshToken } = tokensOf(body, field);
  note(`access token of ${name}`, accessToken);
  // A token that is cut off is one as well.
  note(`signature of the access token of ${name}`, accessToken.split('.')[2]);
  note(`refresh token of ${name}`, refreshToken);
  note(`bytes of the refresh token of ${name}`, Buffer.from(refreshToken, 'base64url'));
  return { accessToken, refreshToken };
}

async function spendTokens(spending: Spending, ada: Person): Promise<void> {
  const { story, note } = spending;
  note('access token of register', ada.accessToken);
  note('refresh token of register', ada.refreshToken);
  // Twice: the second time it is the answer of before, which is kept for that.
  const { refreshToken } = ada;
  for (const name of ['refreshSession', 'the same again']) {
    const { body } = await story.run('RefreshSession', { refreshToken });
    Object.assign(ada, noteTokens(spending, name, body, 'refreshSession'));
  }
  expectData(await ada.run('VerifyToken', { token: ada.accessToken }));
}

async function spendPasswords({ story, note }: Spending, ada: Person): Promise<void> {
  const wrong = noted(note, 'wrong password', 'nobody knows this otter');
  await story.run('Login', { input: { email: ada.email, password: wrong } });
  const weak = noted(note, 'weak password', `${ada.email.slice(0, 12)}-weak`);
  await ada.run('ChangePassword', { input: { currentPassword: PASSWORD, newPassword: weak } });
  const next = noted(note, 'next password', 'eight purple whales whistle');
  expectData(await ada.run('ChangePassword', { input: { currentPassword: PASSWORD, newPassword: next } }));
}

/** Takes a secret down where it is made. */
function noted(note: Spending['note'], name: string, secret: string): string {
  note(name, secret);
  return secret;
}

async function spendMails(spending: Spending, ada: Person): Promise<void> {
  const { story, smtp, note } = spending;
  const tokenFor = async (to: string, subject: RegExp): Promise<string> => {
    const { token } = await smtp.until((received) =>
      received
        .map((message) => parseMail(message.replaceAll('\r\n', '\n')))
        .find((mail) => mail.to === to && subject.test(mail.subject) && mail.token !== ''),
    );
    note(`token of the mail ${subject.source}`, token);
    note(`bytes of the token of the mail ${subject.source}`, Buffer.from(token, 'base64url'));
    return token;
  };
  const verify = async (token: string) =>
    expectData(await story.run('VerifyEmail', { token })).verifyEmail.__typename as string;
  if ((await verify(await tokenFor(ada.email, /Confirm your e-mail/))) !== 'VerifyEmailSuccess')
    throw new Error('the link of the first mail is not taken');

  await story.run('RequestPasswordReset', { email: ada.email });
  const token = await tokenFor(ada.email, /new password/);
  const newPassword = noted(note, 'password of a reset', 'nine yellow parrots sing');
  const { body } = await story.run('ResetPassword', { input: { token, newPassword } });
  Object.assign(ada, noteTokens(spending, 'resetPassword', body, 'resetPassword'));

  const email = `new.${ada.email}`;
  const input = { email, password: newPassword };
  expectData(
    await postGraphQL(story.gatewayUrl, { query: CHANGE_EMAIL, variables: { input }, token: ada.accessToken }),
  );
  if ((await verify(await tokenFor(email, /Confirm your new/))) !== 'VerifyEmailSuccess')
    throw new Error('the link to the new address is not taken');
  Object.assign(ada, { email });
}

async function spendSecondFactor(spending: Spending, ada: Person): Promise<void> {
  const { story, note } = spending;
  const { uri, secret } = expectData(await ada.run('StartTotp')).startTotp;
  const seed = Secret.fromBase32(secret);
  note('secret of the authenticator', secret);
  note('bytes of the secret of the authenticator', Buffer.from(seed.bytes));
  note('address for the authenticator', uri);
  const { confirmTotp } = expectData(await ada.run('ConfirmTotp', { code: new TOTP({ secret: seed }).generate() }));
  const recoveryCodes = confirmTotp.recoveryCodes as string[];
  recoveryCodes.forEach((code, index) => note(`recovery code ${index}`, code));
  const { login } = expectData(
    await story.run('Login', { input: { email: ada.email, password: 'nine yellow parrots sing' } }),
  );
  note('challenge of a login', login.challenge);
  const wrong = noted(note, 'wrong recovery code', 'aaaa-bbbb-cccc-dddd-eeee');
  await story.run('CompleteLogin', { input: { challenge: login.challenge, code: wrong } });
  const { body } = await story.run('CompleteLogin', { input: { challenge: login.challenge, code: recoveryCodes[0] } });
  noteTokens(spending, 'completeLogin', body, 'completeLogin');
}

async function spendCookie({ story, note }: Spending, ben: Person): Promise<void> {
  const ask = (name: string, variables: object, headers: Record<string, string>) =>
    fetch(story.gatewayUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ query: operation(name), variables }),
    });
  const opened = await ask(
    'Login',
    { input: { email: ben.email, password: PASSWORD } },
    { 'taskgraph-session': 'cookie' },
  );
  const [cookie = ''] = opened.headers.get('set-cookie')?.split(';') ?? [];
  const secret = cookie.split('=')[1] ?? '';
  note('cookie', secret);
  note('bytes of the cookie', Buffer.from(secret, 'base64url'));
  for (const name of ['Me', 'Sessions', 'Logout', 'Me']) await (await ask(name, {}, { cookie })).text();
}

/** URLs that let in whoever has them. */
async function spendLinks({ story, note }: Spending, ben: Person): Promise<void> {
  const use = async (name: string, url: string, options: RequestInit = {}) => {
    const { searchParams } = new URL(url);
    const keys = [...searchParams].filter(([key]) => /signature|ticket|token/.test(key));
    if (keys.length === 0) throw new Error(`nothing in the URL of ${name} is secret: ${url}`);
    for (const [key, value] of keys) note(`${key} of ${name}`, value);
    const response = await fetch(url, options);
    if (!response.ok) throw new Error(`the URL of ${name} answers ${response.status}`);
    await response.arrayBuffer();
    // A careless client sends it where it does not belong.
    await fetch(new URL(`/nowhere${new URL(url).search}`, url)).then((missing) => missing.arrayBuffer());
  };

  const id = await ben.addPicture(await smallPng());
  const { media } = expectData(await ben.run('Media', { id }));
  await use('a file', media.url);
  await use('a thumbnail', media.thumbnail.url);

  const input = { filename: 'later.png', byteSize: 1_000 };
  const { upload } = expectData(await ben.run('CreateUpload', { input })).createUpload;
  await use('an upload', upload.url, { method: 'HEAD', headers: { 'tus-resumable': '1.0.0' } });

  const { id: exportId } = expectData(await ben.run('RequestDataExport')).requestDataExport;
  for (;;) {
    const { dataExport } = expectData(await ben.run('DataExport', { id: exportId }));
    if (dataExport.status === 'PENDING') continue;
    await use('an export', dataExport.url);
    break;
  }

  const asked = await fetch(`${story.gatewayUrl}/event-source`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${ben.accessToken}` },
    body: JSON.stringify({ query: '{ me { id } }' }),
  });
  const { url } = (await asked.json()) as { url: string };
  await use('a stream', new URL(url, story.gatewayUrl).href, { headers: { accept: 'text/event-stream' } });
}

/** Secrets where none belongs: in the text of an operation, in the address of a request, in a header that is wrong. */
async function spendCarelessly({ story, note }: Spending, ben: Person): Promise<void> {
  note('access token of a careless client', ben.accessToken);
  const literal = noted(note, 'password in the text of an operation', 'ten careless seals sneeze');
  const login = `{ login(input: { email: "${ben.email}", password: "${literal}" }) { __typename } }`;
  for (const query of [`mutation ${login}`, `mutation ${login} }`, `mutation { unknown(password: "${literal}") }`])
    await postGraphQL(story.gatewayUrl, { query });

  const address = new URL(story.gatewayUrl);
  address.searchParams.set('query', operation('VerifyToken'));
  address.searchParams.set('variables', JSON.stringify({ token: ben.accessToken }));
  const headers = { 'apollo-require-preflight': 'true' };
  await (await fetch(address, { headers })).text();

  for (const scheme of ['Bearer', 'Basic', 'bearer  ']) {
    const garbage = noted(note, `garbage after ${scheme}`, `garbage-${randomBytes(18).toString('base64url')}`);
    await story.run('Me', {}, { authorization: `${scheme} ${garbage}` });
  }
  const cut = noted(note, 'part of a token', ben.accessToken.slice(0, -9));
  await story.run('Me', {}, { authorization: `Bearer ${cut}` });
}

/** Private keys, which only whoever has the encryption secret can read from the database. */
async function spendKeys({ graph, note }: Spending): Promise<void> {
  const rows = await withClient(graph.databases.auth.url, async (client) => {
    const found = await client.query<{ key: Buffer }>('SELECT encrypted_private_key AS key FROM signing_keys');
    return found.rows;
  });
  const key = Buffer.from(hkdfSync('sha256', SETTINGS.AUTH_KEY_ENCRYPTION_SECRET, 'taskgraph', 'signing-keys', 32));
  note('key of the keys', key);
  rows.forEach(({ key: sealed }, index) => {
    const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12)).setAuthTag(sealed.subarray(12, 28));
    const plain = Buffer.concat([decipher.update(sealed.subarray(28)), decipher.final()]);
    note(`private key ${index}`, plain);
    const { d = '' } = createPrivateKey({ key: plain, format: 'der', type: 'pkcs8' }).export({ format: 'jwk' });
    note(`scalar of private key ${index}`, Buffer.from(d, 'base64url'));
  });
}
