import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

/** No npm package brings a browser. Tests that need one are skipped without it, which fails in CI. */
const EXECUTABLE = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
);

export const hasBrowser = EXECUTABLE !== undefined;

/** Opens the page in a browser that reaches this machine alone, and waits until it shows a text. */
export async function readReference(
  url: string,
  text: string,
): Promise<{ readonly text: string; readonly refused: readonly string[] }> {
  const browser = await chromium.launch({
    executablePath: EXECUTABLE as string,
    args: ['--no-sandbox', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'],
  });
  try {
    const page = await browser.newPage();
    const refused: string[] = [];
    // What the page's policy forbids, and scripts that fail.
    page.on('console', (message) => void (message.type() === 'error' && refused.push(message.text())));
    page.on('pageerror', (error) => void refused.push(String(error)));
    page.on('requestfailed', (request) => void refused.push(request.url()));
    await page.goto(url);
    await page.getByText(text).first().waitFor({ timeout: 120_000 });
    return { text: String(await page.evaluate('document.body.textContent')), refused };
  } finally {
    await browser.close();
  }
}
