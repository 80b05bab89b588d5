import { GraphiQL, HISTORY_PLUGIN } from 'graphiql';
import { useMemo } from 'react';
import type { ExplorerSettings } from '../explorer-settings.js';
import { FILES_PANE } from './files-pane.js';
import { createFetcher } from './graph-fetcher.js';
import { LoginBar } from './login-bar.js';
import { operationsPane } from './operations-pane.js';
import { PLAN_PANE } from './plan-pane.js';

const WELCOME = `# Type here, with the schema at hand: Ctrl-Space completes, Ctrl-Enter runs.
# The panes on the left have the documentation, the operations of clients,
# files to upload, and the plan of what was run last.
{
  __typename
}
`;

/** GraphiQL, with what this graph adds to it. */
export function Explorer({ settings }: { readonly settings: ExplorerSettings }) {
  const fetcher = useMemo(() => createFetcher(settings.endpoint), [settings.endpoint]);
  const plugins = useMemo(
    () => [
      HISTORY_PLUGIN,
      ...(settings.examples === '' ? [] : [operationsPane(settings.examples)]),
      FILES_PANE,
      PLAN_PANE,
    ],
    [settings.examples],
  );
  return (
    <>
      {settings.signsIn && <LoginBar settings={settings} />}
      <main>
        <GraphiQL fetcher={fetcher} plugins={plugins} defaultQuery={WELCOME} defaultEditorToolsVisibility="variables">
          <GraphiQL.Logo>Explorer</GraphiQL.Logo>
        </GraphiQL>
      </main>
    </>
  );
}
