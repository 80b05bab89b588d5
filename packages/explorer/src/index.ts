import { fileURLToPath } from 'node:url';

/** The page and all that it loads, as the build leaves them. */
export const PAGE_FOLDER = fileURLToPath(new URL('../dist/page/', import.meta.url));

/** The page that shows `/api/openapi.json` of the server that serves it at `/api/docs`, and all that it loads. */
export const REFERENCE_FOLDER = fileURLToPath(new URL('../dist/reference/', import.meta.url));

export type { ExplorerSettings, OfferedLogin } from './explorer-settings.js';
