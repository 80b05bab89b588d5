import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { buildViewer, expectData, hasStorageEmulator, smallPng, startStorageEmulator } from '@taskgraph/testkit';
import { startMediaGraph } from './media-graph.js';
import { withChangedSignature } from './upload-requests.js';

const QUERY = 'query($id: ID!) { media(id: $id) { url thumbnail(size: SMALL) { url } } }';
const CREDENTIALS = 'GOOGLE_APPLICATION_CREDENTIALS';

/** A key file as Google writes it, of nobody. */
async function writeKeyFile(folder: string): Promise<string> {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const file = path.join(folder, 'key.json');
  const key = {
    type: 'service_account',
    client_email: 'media@example.iam.gserviceaccount.com',
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
  };
  await writeFile(file, JSON.stringify(key));
  return file;
}

(hasStorageEmulator() ? describe : describe.skip)('a download from Cloud Storage', () => {
  it('is handed over by a URL that Cloud Storage signs, where the settings say so, and only to who has a good one of ours', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'taskgraph-key-'));
    const before = process.env[CREDENTIALS];
    process.env[CREDENTIALS] = await writeKeyFile(folder);
    await using emulator = await startStorageEmulator();
    const settings = { GCS_BUCKET: emulator.bucket, STORAGE_EMULATOR_HOST: emulator.url };
    try {
      await using graph = await startMediaGraph({ ...settings, GCS_SIGNED_URLS: '1' });
      const ada = buildViewer();
      const png = await smallPng();
      const id = await graph.addMedia(ada, png, 'a "lake".png');
      const { media } = expectData(await graph.run(ada, QUERY, { id })) as {
        media: { url: string; thumbnail: { url: string } };
      };
      const get = (url: string, init: RequestInit = {}) =>
        fetch(url, { redirect: 'manual', ...init, headers: { connection: 'close' } });
      const sent = await get(media.url);
      expect([sent.status, sent.headers.get('cache-control'), sent.headers.get('etag')]).toEqual([
        302,
        'private, max-age=150',
        null,
      ]);
      const target = new URL(sent.headers.get('location') ?? '');
      expect(Object.fromEntries(target.searchParams)).toMatchObject({
        'X-Goog-Algorithm': 'GOOG4-RSA-SHA256',
        'X-Goog-Expires': expect.stringMatching(/^(299|300)$/),
        'X-Goog-Signature': expect.stringMatching(/^[0-9a-f]{512}$/),
        'response-content-type': 'image/png',
        'response-content-disposition': expect.stringMatching(/^inline; filename=/),
      });
      expect(target.pathname).toContain(`${id}/original`);
      // The emulator looks at no signature; that the bytes are there is what it can show.
      const name = encodeURIComponent(`${id}/original`);
      const there = await get(`${emulator.url}/storage/v1/b/${emulator.bucket}/o/${name}?alt=media`);
      expect(Buffer.from(await there.arrayBuffer())).toEqual(png);
      expect((await get(media.thumbnail.url)).status).toBe(302);
      expect((await get(media.url, { method: 'HEAD' })).status).toBe(200);
      expect((await get(withChangedSignature(media.url))).status).toBe(403);
      await graph.run(ada, 'mutation($id: ID!) { deleteMedia(id: $id) { mediaId } }', { id });
      expect((await get(media.url)).status).toBe(404);
    } finally {
      if (before === undefined) delete process.env[CREDENTIALS];
      else process.env[CREDENTIALS] = before;
      await rm(folder, { recursive: true });
    }
  }, 120_000);
});
