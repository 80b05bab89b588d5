import { readFileSync } from 'node:fs';
import { PAGE_FOLDER, type ExplorerSettings, type OfferedLogin } from '@taskgraph/explorer';
import type { Routes } from '@taskgraph/service-kit';
import { answersNone, inGraphQL, refuseOthers, servePage } from './serve-page.js';

/** Where the explorer is. */
export const EXPLORER = '/explorer';

const SETTINGS = '/settings.json';
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
  const routes: Routes = (page) => {
    page.get(SETTINGS, ({ raw: request }, reply) => {
      if (answersNone(request, reply.raw)) reply.hijack();
      else reply.send(settings);
    });
    refuseOthers(page, SETTINGS, inGraphQL);
  };
  return (app) => servePage(app, { at: EXPLORER, folder: PAGE_FOLDER, refusals: inGraphQL, routes });
}
