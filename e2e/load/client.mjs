import { randomBytes } from 'node:crypto';
import sharp from 'sharp';
import { operation } from '../chaos/operations.mjs';

const REQUEST_TIMEOUT_MS = 30_000;

/** Somebody with an account, who sends operations of the client contract. */
export async function openClient(url) {
  const person = { token: undefined };
  async function send(body, headers) {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { ...headers, ...(person.token && { authorization: `Bearer ${person.token}` }) },
      body,
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
    const { data, errors } = await response.json();
    if (errors) throw Object.assign(new Error(errors[0].message), { code: errors[0].extensions?.code ?? 'ERROR' });
    const payload = Object.values(data)[0];
    if (payload?.__typename?.endsWith('Problem'))
      throw Object.assign(new Error(payload.message), { code: payload.__typename });
    return data;
  }
  const run = (name, variables = {}) =>
    send(JSON.stringify({ query: operation(name), variables }), { 'content-type': 'application/json' });
  const input = {
    email: `${randomBytes(8).toString('hex')}@example.com`,
    password: 'seven green otters juggle',
    displayName: 'Load',
  };
  person.token = (await run('Register', { input })).register.accessToken;
  return {
    run,
    token: person.token,
    async addTask() {
      return (await run('CreateTask', { input: { title: 'Carry the load', priority: 'HIGH' } })).createTask.task.id;
    },
    async upload(picture) {
      const form = new FormData();
      form.set('operations', JSON.stringify({ query: operation('UploadMedia'), variables: { file: null } }));
      form.set('map', '{"0":["variables.file"]}');
      form.set('0', new Blob([picture], { type: 'image/jpeg' }), 'picture.jpg');
      const { uploadMedia } = await send(form, { 'apollo-require-preflight': 'true' });
      return uploadMedia.media.id;
    },
  };
}

/** Noise, so that it is as large as a photograph of its size. */
export function makePicture(width = 640, height = 480) {
  return sharp(randomBytes(width * height * 3), { raw: { width, height, channels: 3 } })
    .jpeg()
    .toBuffer();
}
