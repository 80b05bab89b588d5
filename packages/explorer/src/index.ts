import { fileURLToPath } from 'node:url';

/** The page and all that it loads, as the build leaves them. */
export const PAGE_FOLDER = fileURLToPath(new URL('../dist/page/', import.meta.url));

export type { ExplorerSettings, OfferedLogin } from './explorer-settings.js';
