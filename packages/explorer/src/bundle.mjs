// Bundles the page into dist/page: GraphiQL, its editor and the workers of the editor, all to be served by whoever serves the page.
import { cpSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const pathOf = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const OUT = pathOf('../dist/page/');
/** Of what a browser may have to load. */
const MAX_BYTES = 12_000_000;

rmSync(OUT, { recursive: true, force: true });
mkdirSync(OUT, { recursive: true });

const shared = {
  bundle: true,
  minify: true,
  target: 'es2022',
  outdir: OUT,
  legalComments: 'linked',
  logLevel: 'warning',
  define: { 'process.env.NODE_ENV': '"production"' },
};
await build({
  ...shared,
  entryPoints: { main: pathOf('page/main.tsx') },
  format: 'esm',
  splitting: true,
  jsx: 'automatic',
  loader: { '.ttf': 'file' },
  chunkNames: 'chunk-[hash]',
  assetNames: '[name]-[hash]',
});
// Workers are scripts of their own; the page knows them by these names.
await build({
  ...shared,
  format: 'iife',
  entryPoints: {
    'editor.worker': 'monaco-editor/esm/vs/editor/editor.worker.js',
    'json.worker': 'monaco-editor/esm/vs/language/json/json.worker.js',
    'graphql.worker': 'monaco-graphql/esm/graphql.worker.js',
  },
});
cpSync(pathOf('page/index.html'), `${OUT}index.html`);
cpSync(pathOf('page/fall-back.js'), `${OUT}fall-back.js`);

const bytes = readdirSync(OUT).reduce((sum, name) => sum + statSync(`${OUT}${name}`).size, 0);
if (bytes > MAX_BYTES) throw new Error(`The page has grown to ${bytes} bytes; ${MAX_BYTES} are allowed.`);
