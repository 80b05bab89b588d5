import { readFileSync } from 'node:fs';
import { PAGE_FOLDER, type ExplorerSettings, type OfferedLogin } from '@taskgraph/explorer';
import { otherwise, raw, type Routes } from '@taskgraph/service-kit';
import { PAGE_HEADERS, READS, refuseMethod, servePage } from './serve-page.js';

/** Where the explorer is. */
export const EXPLORER = '/explorer';

const OWN_OPERATIONS = new URL('../../contract/operations.graphql', import.meta.url);

interface ExplorerRoutesOptions {
  readonly endpoint: string;
  /** Whether the graph is that of this project, whose operations and login are known. */
  readonly ownGraph: boolean;
  readonly logins: readonly OfferedLogin[];
}

/** Creates what serves the explorer: a page that needs nothing but this gateway. */
export function createExplorerRoutes({ endpoint, ownGraph, logins }: ExplorerRoutesOptions): Routes {
  const settings: ExplorerSettings = {
    endpoint,
    examples: ownGraph ? readFileSync(OWN_OPERATIONS, 'utf8') : '',
    signsIn: ownGraph,
    logins: ownGraph ? logins : [],
  };
  return (app) => {
    servePage(app, EXPLORER, PAGE_FOLDER);
    const at = `${EXPLORER}/settings.json`;
    app.get(at, (_request, reply) => {
      reply.headers(PAGE_HEADERS).send(settings);
    });
    otherwise(
      app,
      at,
      READS,
      raw((request, response) => refuseMethod(request, response, READS)),
    );
  };
}
