import { expectData, postGraphQL, smallPng, uploadGraphQL } from '@taskgraph/testkit';

const CREDENTIALS = { email: 'ada@example.com', password: 'seven green otters juggle' };
const REGISTER = 'mutation($input: RegisterInput!) { register(input: $input) { ... on AuthPayload { accessToken } } }';
const LOGIN = 'mutation($input: LoginInput!) { login(input: $input) { ... on AuthPayload { accessToken } } }';
const CREATE = 'mutation { createTask(input: { title: "Kept" }) { task { id } } }';
const UPLOAD = 'mutation($file: Upload!) { uploadMedia(file: $file) { ... on UploadMediaSuccess { media { id } } } }';
const ATTACH = 'mutation($input: AttachMediaInput!) { attachMedia(input: $input) { __typename } }';
const DELETE = 'mutation($id: ID!) { deleteMedia(id: $id) { mediaId } }';

/** Somebody who fills a system with what a backup has to keep. */
export interface Client {
  addTask(): Promise<string>;
  addPicture(): Promise<string>;
  attach(taskId: string, mediaId: string): Promise<void>;
  remove(mediaId: string): Promise<void>;
}

export async function signUp(url: string): Promise<Client> {
  const input = { ...CREDENTIALS, displayName: 'Ada' };
  const { register } = expectData(await postGraphQL(url, { query: REGISTER, variables: { input } }));
  const token = String(register.accessToken);
  const run = async (query: string, variables = {}) => expectData(await postGraphQL(url, { query, variables, token }));
  return {
    addTask: async () => String((await run(CREATE)).createTask.task.id),
    async addPicture() {
      const file = { filename: 'picture.png', content: await smallPng(), contentType: 'image/png' };
      const files = { 'variables.file': file };
      const answer = await uploadGraphQL(url, { query: UPLOAD, variables: { file: null }, files, token });
      return String(expectData(answer).uploadMedia.media.id);
    },
    attach: async (taskId, mediaId) => void (await run(ATTACH, { input: { taskId, mediaIds: [mediaId] } })),
    remove: async (id) => void (await run(DELETE, { id })),
  };
}

/** Logs in who has signed up, in the system that was restored too. Returns the access token. */
export async function logIn(url: string): Promise<string> {
  const { login } = expectData(await postGraphQL(url, { query: LOGIN, variables: { input: CREDENTIALS } }));
  return String(login.accessToken);
}
