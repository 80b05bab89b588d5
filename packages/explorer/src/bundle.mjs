// Makes the pages, with all that they load from their own server: GraphiQL, its editor and the workers of the editor are bundled into
// dist/page; Scalar, which comes as one file, goes into dist/reference.
import { cpSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const pathOf = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const OUT = pathOf('../dist/page/');
const REFERENCE = pathOf('../dist/reference/');
/** Of what a browser may have to load of a page. */
const MAX_BYTES = 12_000_000;

for (const folder of [OUT, REFERENCE]) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
}

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

// Of Scalar's packages this one has it as one file, without the hundreds that the file is made of.
const scalar = (file) => fileURLToPath(new URL(file, import.meta.resolve('@scalar/fastify-api-reference')));
cpSync(scalar('js/standalone.js'), `${REFERENCE}scalar.js`);
cpSync(scalar('../LICENSE'), `${REFERENCE}scalar.LICENSE.txt`);
for (const name of ['index.html', 'reference.js']) cpSync(pathOf(`reference/${name}`), `${REFERENCE}${name}`);

for (const folder of [OUT, REFERENCE]) {
  const bytes = readdirSync(folder).reduce((sum, name) => sum + statSync(`${folder}${name}`).size, 0);
  if (bytes > MAX_BYTES) throw new Error(`${folder} has grown to ${bytes} bytes; ${MAX_BYTES} are allowed.`);
}
