import { readFileSync } from 'node:fs';
import express from 'express';
import { PAGE_FOLDER, type ExplorerSettings, type OfferedLogin } from '@taskgraph/explorer';
import type { Routes } from '@taskgraph/service-kit';

/** Where the explorer is. */
export const EXPLORER = '/explorer';

const OWN_OPERATIONS = new URL('../../contract/operations.graphql', import.meta.url);

/**
 * What the page may load: files of the gateway, and nothing else of anybody. Monaco writes its styles into the page as it goes, for
 * which there is no other word; scripts are files only.
 */
const HEADERS = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "worker-src 'self'",
    "style-src 'self' 'unsafe-inline'",
    "font-src 'self' data:",
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'x-frame-options': 'DENY',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  // What has not changed is not sent again: files have an entity tag.
  'cache-control': 'no-cache',
};

export interface ExplorerRoutesOptions {
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
    app.use(EXPLORER, (_request, response, next) => {
      response.set(HEADERS);
      next();
    });
    app.get(`${EXPLORER}/settings.json`, (_request, response) => {
      response.json(settings);
    });
    app.get(EXPLORER, (_request, response) => {
      response.sendFile('index.html', { root: PAGE_FOLDER, cacheControl: false });
    });
    app.use(EXPLORER, express.static(PAGE_FOLDER, { cacheControl: false, redirect: false, index: false }));
  };
}
