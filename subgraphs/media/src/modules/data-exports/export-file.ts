import { createWriteStream } from 'node:fs';
import { PassThrough, Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import yazl from 'yazl';
import type { MediaTx } from '../../db.js';
import type { Prisma } from '../../generated/prisma/client.js';
import { contentOf, type MediaRow } from '../media/mappers.js';
import { objectKey } from '../../storage/object-keys.js';
import type { ObjectStore } from '../../storage/object-store.js';

/** It would be larger than files may be. */
export class ExportTooLarge extends Error {
  override readonly name = 'ExportTooLarge';
}

/** What there is of a person in each row. A column that is not here is not exported. */
const ITEM = {
  id: true,
  uploaderId: true,
  filename: true,
  mimeType: true,
  byteSize: true,
  sha256: true,
  width: true,
  height: true,
  altText: true,
  status: true,
  createdAt: true,
  updatedAt: true,
  deletedAt: true,
} satisfies Prisma.MediaItemSelect;
const PAGE = 200;
const FIRST_ID = '00000000-0000-0000-0000-000000000000';

export interface ExportFileOptions {
  readonly exportId: string;
  readonly userId: string;
  readonly store: ObjectStore;
  /** Where the file is written. */
  readonly path: string;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/**
 * Writes what there is of somebody into a ZIP file: JSON of each part, and the original files. Nothing of it is held in memory as a whole:
 * rows are read in pages, and each file is opened when its turn comes.
 *
 * @throws ExportTooLarge
 */
export async function writeExportFile(tx: MediaTx, options: ExportFileOptions): Promise<void> {
  const { exportId, userId, store, maxBytes } = options;
  const zip = new yazl.ZipFile();
  const output = zip.outputStream as Readable;
  const opened = new Set<Readable>();
  zip.on('error', (error: Error) => output.destroy(error));

  let byteSize = 0;
  const bounded = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      byteSize += chunk.length;
      done(byteSize > maxBytes ? new ExportTooLarge(`more than ${maxBytes} bytes`) : null, chunk);
    },
  });
  // The first entry is read as soon as it is added: whatever fails from then on, the pipeline hears of it.
  const file = createWriteStream(options.path, { flags: 'wx' });
  const written = pipeline(output, bounded, file, { signal: options.signal });
  const added = addEntries().catch((error: unknown) => void output.destroy(error as Error));
  try {
    await written;
  } finally {
    for (const stream of opened) stream.destroy();
    await added;
  }

  async function addEntries(): Promise<void> {
    const names = await tx.dataExportPart.findMany({
      where: { exportId, file: { not: 'nothing' } },
      select: { source: true, file: true },
      distinct: ['source', 'file'],
      orderBy: [{ source: 'asc' }, { file: 'asc' }],
    });
    for (const { source, file } of names)
      addLater(`${source}/${file}.json`, true, async () => jsonArray(readParts(tx, exportId, source, file)));
    addLater('media/media.json', true, async () => jsonArray(readItems(tx, userId)));
    addLater('media/uploads.json', true, async () => jsonArray(readUploads(tx, userId)));
    // Names only: each file is opened when the one before is done.
    for await (const items of readMedia(tx, userId)) {
      if (output.destroyed) return;
      for (const { id, contentId, filename } of items)
        addLater(`media/files/${id}-${filename.replaceAll(/[\\/]/g, '_')}`, false, async () => {
          const file = await store.openRead(objectKey(contentOf({ id, contentId }), 'original'));
          // Deleted meanwhile: an empty file in its place.
          return file ?? Readable.from([]);
        });
    }
    zip.end();
  }

  /** Adds an entry whose stream is opened when its turn comes. */
  function addLater(name: string, compress: boolean, open: () => Promise<Readable>): void {
    zip.addReadStreamLazy(name, { compress }, (done) => {
      open().then(
        (stream) => {
          opened.add(stream.on('close', () => opened.delete(stream)));
          // yazl listens to the stream that it is given only while it pipes it.
          const through = new PassThrough();
          pipeline(stream, through).catch((error: unknown) => zip.emit('error', error));
          done(null, through);
          // It was given up while this was opened.
          if (output.destroyed) stream.destroy();
        },
        (error: unknown) => done(error as Error, Readable.from([])),
      );
    });
  }
}

type Rows = ReadonlyArray<Record<string, unknown>>;

type MediaNames = Pick<MediaRow, 'id' | 'contentId' | 'filename'>;

function jsonArray(pages: AsyncIterable<Rows>): Readable {
  return Readable.from(
    (async function* () {
      let separator = '[\n';
      for await (const rows of pages)
        for (const row of rows) {
          yield `${separator}${JSON.stringify(row)}`;
          separator = ',\n';
        }
      yield separator === '[\n' ? '[]\n' : '\n]\n';
    })(),
  );
}

async function* readParts(tx: MediaTx, exportId: string, source: string, file: string): AsyncGenerator<Rows> {
  for (let after = -1; ;) {
    const found = await tx.dataExportPart.findFirst({
      where: { exportId, source, file, part: { gt: after } },
      orderBy: { part: 'asc' },
    });
    if (!found) return;
    yield found.rows as Record<string, unknown>[];
    after = found.part;
  }
}

async function* readMedia(tx: MediaTx, uploaderId: string): AsyncGenerator<Array<Rows[number] & MediaNames>> {
  for (let after = FIRST_ID; ;) {
    const items = await tx.mediaItem.findMany({
      where: { uploaderId, status: 'READY', id: { gt: after } },
      orderBy: { id: 'asc' },
      take: PAGE,
      // By the content, its file is found.
      select: { ...ITEM, contentId: true },
    });
    yield items.map((item) => ({ ...item, byteSize: Number(item.byteSize) }));
    const last = items.at(-1);
    if (!last || items.length < PAGE) return;
    after = last.id;
  }
}

async function* readItems(tx: MediaTx, uploaderId: string): AsyncGenerator<Rows> {
  for await (const items of readMedia(tx, uploaderId)) yield items.map(({ contentId: _, ...item }) => item);
}

/** Uploads that are not complete: few, since how many may be open is bounded. */
async function* readUploads(tx: MediaTx, userId: string): AsyncGenerator<Rows> {
  const sessions = await tx.uploadSession.findMany({
    where: { userId },
    orderBy: { id: 'asc' },
    select: { id: true, userId: true, filename: true, altText: true, byteSize: true, createdAt: true, expiresAt: true },
  });
  yield sessions.map((session) => ({ ...session, byteSize: Number(session.byteSize) }));
}
