import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createLog, createMetrics, openEventTransport, type ServiceProcess } from '@taskgraph/service-kit';
import {
  cloneDatabase,
  expectData,
  PATIENCE,
  postGraphQL,
  startPeerServer,
  storedFiles,
  subscribeGraphQL,
  testJwks,
  uploadGraphQL,
  watchListeners,
  type PeerServer,
  type GraphQLResult,
  type GraphQLSubscription,
  type TestDatabase,
  type TestViewer,
  TEST_CLIENT_INFO_SECRET,
} from '@taskgraph/testkit';
import type pg from 'pg';
import { createMediaSubgraph, readMediaConfig } from '../src/subgraph.js';

export const UPLOAD = `mutation($file: Upload!, $altText: String) { uploadMedia(file: $file, altText: $altText) { __typename
  ... on UploadMediaSuccess { media { id filename mimeType byteSize width height status altText placeholder url thumbnail(size: SMALL) { url width height mimeType } large: thumbnail(size: LARGE) { width height } } }
  ... on UnsupportedMediaTypeProblem { message mimeType allowed }
  ... on MediaTooLargeProblem { message maxBytes }
  ... on InvalidImageProblem { message reason }
  ... on QuotaExceededProblem { message usedBytes quotaBytes } } }`;

export interface MediaGraph extends AsyncDisposable {
  readonly url: string;
  readonly pool: pg.Pool;
  readonly service: ServiceProcess;
  readonly task: PeerServer;
  /** Media attached to a task that everybody may see. */
  readonly attached: Set<string>;
  readonly dataDir: string;
  readonly database: TestDatabase;
  run(who: TestViewer | null, query: string, variables?: Record<string, unknown>): Promise<GraphQLResult>;
  subscribe(who: TestViewer | null, query: string, variables?: Record<string, unknown>): GraphQLSubscription;
  /** Waits until so many subscriptions to an item listen: from then on they miss nothing. One if absent. */
  untilListening(mediaId: string, count?: number): Promise<void>;
  upload(
    who: TestViewer | null,
    content: Uint8Array | Blob,
    filename?: string,
    variables?: Record<string, unknown>,
  ): Promise<GraphQLResult>;
  /** Uploads a picture and tells its id. */
  addMedia(who: TestViewer, content: Uint8Array, filename?: string): Promise<string>;
  /** Files in the data folder, relative to it. */
  files(): Promise<string[]>;
  countRows(): Promise<number>;
  /** Starts another process on the same database and folder. */
  restart(): Promise<MediaGraph>;
}

/** Starts the media subgraph on a database and a folder of its own, with a stand-in for the task service. */
export async function startMediaGraph(
  settings: Record<string, string> = {},
  given?: Pick<MediaGraph, 'database' | 'dataDir'>,
): Promise<MediaGraph> {
  const attached = new Set<string>();
  const database = given?.database ?? (await cloneDatabase('media'));
  const dataDir = given?.dataDir ?? (await mkdtemp(path.join(tmpdir(), 'taskgraph-media-')));
  const task = await startPeerServer(({ ids }: { readonly ids: readonly string[] }) => ({
    mediaOnVisibleTasks: ids.filter((id) => attached.has(id)),
  }));
  let pool: pg.Pool | undefined;
  const config = readMediaConfig({
    MEDIA_PORT: '0',
    MEDIA_DATABASE_URL: database.url,
    CLIENT_INFO_SECRET: TEST_CLIENT_INFO_SECRET,
    MEDIA_URL_SECRET: 'a secret of at least thirty-two characters',
    TASKGRAPH_DATA_DIR: dataDir,
    TASK_URL: task.url,
    ...PATIENCE,
    ...settings,
  });
  const log = createLog({ service: 'media', level: 'silent' });
  const opened = openEventTransport(config, { log, metrics: createMetrics('transport') });
  const { feed, untilListening } = watchListeners(opened.feed);
  const transport = { ...opened, feed };
  const service = await createMediaSubgraph(config, {
    jwks: testJwks,
    log,
    transport,
    onPool: (made) => (pool = made),
  });
  const { url } = await service.listen();
  const upload: MediaGraph['upload'] = (who, content, filename = 'picture.png', variables = {}) =>
    uploadGraphQL(url, {
      query: UPLOAD,
      variables,
      files: { 'variables.file': { filename, content, contentType: 'image/jpeg' } },
      token: who?.token,
    });
  return {
    url,
    pool: pool as pg.Pool,
    service,
    task,
    attached,
    dataDir,
    database,
    run: (who, query, variables = {}) => postGraphQL(url, { query, variables, token: who?.token }),
    subscribe: (who, query, variables = {}) => subscribeGraphQL(url, { query, variables, token: who?.token }),
    untilListening,
    upload,
    async addMedia(who, content, filename) {
      const { uploadMedia } = expectData(await upload(who, content, filename)) as {
        uploadMedia: { media: { id: string } };
      };
      return uploadMedia.media.id;
    },
    files: () => storedFiles(dataDir),
    async countRows() {
      const { rows } = await (pool as pg.Pool).query<{ count: number }>(
        'SELECT count(*)::int AS count FROM media_items',
      );
      return rows[0]?.count ?? -1;
    },
    restart: () => startMediaGraph(settings, { database, dataDir }),
    async [Symbol.asyncDispose]() {
      await service.close();
      await task.stop();
      if (given) return;
      await database.drop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
