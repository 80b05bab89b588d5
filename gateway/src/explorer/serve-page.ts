import { readdirSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import express, { type Express, type Request, type Response } from 'express';

/**
 * What a page may load: files of the gateway, and nothing else of anybody. Editors write their styles into the page as they go, for
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

/** Tells who asks by another method which ones a path takes. */
type RefuseMethod = (request: Request, response: Response, methods: readonly string[]) => void;

const READS = ['GET', 'HEAD'];

/** Serves the page of a folder and its files, by no method that would change them; what is not among them is left to who comes next. */
export function servePage(app: Express, at: string, folder: string, refuse: RefuseMethod = refuseMethod): void {
  app.use(at, (_request, response, next) => {
    response.set(HEADERS);
    next();
  });
  app.get(at, (_request, response) => {
    response.sendFile('index.html', { root: folder, cacheControl: false });
  });
  app.use(at, express.static(folder, { cacheControl: false, redirect: false, index: false }));
  for (const path of ['', ...filesOf(folder)])
    app.all(`${at}${path}`, (request, response) => refuse(request, response, READS));
}

/** Their paths below the page. */
function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => `/${relative(folder, join(parentPath, name)).replaceAll(sep, '/')}`);
}

export const refuseMethod: RefuseMethod = ({ method }, response, methods) => {
  const allow = [...methods, 'OPTIONS'].join(', ');
  response.set('allow', allow);
  if (method === 'OPTIONS') return void response.status(204).end();
  const extensions = { code: 'BAD_REQUEST' };
  response.status(405).json({ errors: [{ message: `This path takes ${allow}.`, extensions }] });
};
