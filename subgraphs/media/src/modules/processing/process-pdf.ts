import { readFile, stat } from 'node:fs/promises';
import { PDFiumLibrary } from '@hyzyla/pdfium';
import sharp from 'sharp';
import {
  isOfTheDisk,
  makeThumbnails,
  WITHOUT_VERSIONS,
  type ImageOutcome,
  type ImageRequest,
} from './process-image.js';

/** What is larger has an icon: all of it would be in memory, twice. */
const MAX_BYTES = 64 * 1024 * 1024;
/** Pixels on the longer side: as the largest thumbnail. */
const LONGER_SIDE = 1_280;

/**
 * Makes thumbnails of the first page of a PDF, drawn by PDFium in WebAssembly: nothing in the document is run, and nothing outside of it is read. One that
 * cannot be drawn, since it is damaged or has a password, is kept all the same.
 */
export async function processPdf({ path: file, folder }: ImageRequest): Promise<ImageOutcome> {
  if ((await stat(file)).size > MAX_BYTES) return WITHOUT_VERSIONS;
  const bytes = await readFile(file);
  try {
    const { data, width, height } = await drawFirstPage(bytes);
    const from = () => sharp(data, { raw: { width, height, channels: 4 } }).flatten({ background: 'white' });
    const made = await makeThumbnails(from, folder, { withAvif: true });
    return { kind: 'processed', width: null, height: null, ...made };
  } catch (error) {
    if (isOfTheDisk(error)) throw error;
    return WITHOUT_VERSIONS;
  }
}

/** RGBA. The library is made anew for each document: one that it has failed on may have left anything in its memory. */
async function drawFirstPage(bytes: Uint8Array): Promise<{ data: Uint8Array; width: number; height: number }> {
  const library = await PDFiumLibrary.init();
  try {
    const document = await library.loadDocument(bytes);
    const page = document.getPage(0);
    const { originalWidth, originalHeight } = page.getOriginalSize();
    const scale = LONGER_SIDE / Math.max(originalWidth, originalHeight, 1);
    const side = (length: number) => Math.min(LONGER_SIDE, Math.max(1, Math.round(length * scale)));
    const { data, width, height } = await page.render({
      width: side(originalWidth),
      height: side(originalHeight),
      render: 'bitmap',
    });
    return { data: data.slice(), width, height };
  } finally {
    library.destroy();
  }
}
