import { createRequire } from 'node:module';
import type { Express } from 'express';

/** The bundle that shows the document, from the installed package: the page needs nothing of the internet. */
const BUNDLE = createRequire(import.meta.url).resolve('redoc/bundles/redoc.standalone.js');
/** Below `/api`. */
export const DOCS_PATHS = ['/docs', '/docs/redoc.js', '/docs/start.js'] as const;
const [PAGE_PATH, SCRIPT_PATH, START_PATH] = DOCS_PATHS.map((path) => `/api${path}`) as [string, string, string];
/** Elements are styled by a script while they are made, which only `unsafe-inline` allows. No other script and no other address is. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Taskgraph: REST</title>
</head>
<body>
<main id="reference">The reference is being loaded. It needs JavaScript; <a href="/api/openapi.json">the OpenAPI document</a> needs none.</main>
<script src="${SCRIPT_PATH}"></script>
<script src="${START_PATH}"></script>
</body>
</html>
`;

/** Search would need a worker of its own, and the logo of the vendor comes from the internet. */
const START = `Redoc.init('/api/openapi.json', { disableSearch: true, hideDownloadButton: true, nativeScrollbars: true }, document.getElementById('reference'));
`;

const HEADERS = { 'content-security-policy': POLICY, 'referrer-policy': 'no-referrer', 'cache-control': 'no-cache' };

/** Shows the OpenAPI document to people. */
export function mountDocsPage(app: Express): void {
  app.get(PAGE_PATH, (_request, response) => void response.set(HEADERS).type('html').send(PAGE));
  app.get(START_PATH, (_request, response) => void response.set(HEADERS).type('js').send(START));
  app.get(SCRIPT_PATH, (_request, response, next) => {
    response.sendFile(BUNDLE, { headers: { 'cache-control': 'public, max-age=3600' }, dotfiles: 'allow' }, (error) => {
      if (error && !response.headersSent) next(error);
    });
  });
}
