import { createRoot } from 'react-dom/client';
import 'graphiql/style.css';
import './page.css';
import type { ExplorerSettings } from '../explorer-settings.js';
import { Explorer } from './explorer.js';

const WORKERS: Readonly<Record<string, string>> = { json: 'json', graphql: 'graphql' };

// Monaco's workers are files of ours, so the page needs no `blob:` in its policy.
Object.assign(globalThis, {
  MonacoEnvironment: {
    getWorker: (_id: string, label: string) => new Worker(`/explorer/${WORKERS[label] ?? 'editor'}.worker.js`),
  },
});

const root = document.getElementById('explorer');
if (!root) throw new Error('the page has no place for the explorer');

try {
  const response = await fetch('/explorer/settings.json');
  if (!response.ok) throw new Error(`the gateway answers ${response.status}`);
  const settings = (await response.json()) as ExplorerSettings;
  createRoot(root).render(<Explorer settings={settings} />);
} catch (error) {
  root.textContent = `The explorer cannot be shown: ${String(error)}`;
}
