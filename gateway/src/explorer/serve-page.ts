import express, { type Express } from 'express';

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

/** Serves the page of a folder and its files; what is not among them is left to who comes next. */
export function servePage(app: Express, at: string, folder: string): void {
  app.use(at, (_request, response, next) => {
    response.set(HEADERS);
    next();
  });
  app.get(at, (_request, response) => {
    response.sendFile('index.html', { root: folder, cacheControl: false });
  });
  app.use(at, express.static(folder, { cacheControl: false, redirect: false, index: false }));
}
