// Bundles the page into dist/, or serves it while it is worked on: `npm run dev` and http://localhost:5173.
// GATEWAY_URL says where the graph is; SESSION_IN=cookie has the session in a cookie, for a gateway with SESSION_COOKIES.
import { copyFileSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, context } from 'esbuild';

const here = path.dirname(fileURLToPath(import.meta.url));
const serves = process.argv.includes('--serve');
const out = process.argv.slice(2).find((argument) => !argument.startsWith('--')) ?? path.join(here, 'dist');
const url = process.env.GATEWAY_URL ?? 'http://localhost:3000/graphql';

const options = {
  absWorkingDir: here,
  entryPoints: ['src/main.tsx', 'src/main.css'],
  outdir: out,
  bundle: true,
  format: 'esm',
  target: 'es2022',
  jsx: 'automatic',
  minify: !serves,
  sourcemap: serves,
  define: {
    GATEWAY_URL: JSON.stringify(url),
    SESSION_IN: JSON.stringify(process.env.SESSION_IN ?? 'tokens'),
    'process.env.NODE_ENV': JSON.stringify(serves ? 'development' : 'production'),
  },
  logLevel: 'warning',
};

mkdirSync(out, { recursive: true });
copyFileSync(path.join(here, 'index.html'), path.join(out, 'index.html'));
if (serves) {
  const bundling = await context(options);
  const { port } = await bundling.serve({ host: 'localhost', port: 5173, servedir: out });
  console.log(`http://localhost:${port} asks ${url}`);
} else {
  await build(options);
}
