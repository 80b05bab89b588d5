// Reads the settings of the checkout's .env into the environment; import it before anything that reads settings. What the
// environment has already wins. ENV_FILE names another file, or none when it is empty.
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const named = process.env.ENV_FILE;

if (named !== '') {
  const file = named === undefined ? path.join(root, '.env') : path.resolve(named);
  try {
    process.loadEnvFile?.(file);
  } catch (error) {
    if (error.code !== 'ENOENT' || named !== undefined) {
      process.stderr.write(`${file} cannot be read (${error.code ?? error}): ENV_FILE= reads none.\n`);
      process.exit(78);
    }
  }
  // What is started from here has it all in its environment.
  process.env.ENV_FILE = '';
}
