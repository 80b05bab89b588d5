import type { Locator, Page } from 'playwright-core';

/** What a person does on the page of the REST façade, to try a route. */
export interface ReferencePage {
  /** Opens the client of a route, as `post /api/auth/login`. */
  open(route: string): Promise<void>;
  setToken(token: string): Promise<void>;
  setBody(body: Record<string, unknown>): Promise<void>;
  /** Fills in a field of a form. The fields are sent in the order in which the document has them. */
  setField(name: string, value: string): Promise<void>;
  chooseFile(name: string, file: { name: string; mimeType: string; buffer: Buffer }): Promise<void>;
  /** Sends the request, and returns what the page shows as its answer. */
  send(status: string): Promise<Record<string, unknown>>;
  close(): Promise<void>;
}

function parse(text: string): Record<string, unknown> | null {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return null;
  }
}

export function createReferencePage(page: Page): ReferencePage {
  const client = page.getByRole('dialog');
  const rowOf = (name: string): Locator =>
    client.getByRole('row').filter({ has: page.getByText(name, { exact: true }) });

  async function write(editor: Locator, text: string): Promise<void> {
    await editor.click();
    await page.keyboard.press('ControlOrMeta+A');
    // Not typed: the editor closes brackets by itself.
    await page.keyboard.insertText(text);
    // The page takes over what is written a while after it was: the example that it makes of it tells when.
    await client.locator('.scalar-code-block', { hasText: text }).waitFor();
  }

  return {
    async open(route) {
      await page
        .locator('button', { hasText: 'Test Request' })
        .filter({ hasText: `(${route})` })
        .click();
      await client.waitFor();
      await client.getByRole('button', { name: /^Code Snippet/ }).click();
    },
    setToken: (token) => client.getByPlaceholder('Token').fill(token),
    setBody: (body) => write(client.locator('[data-language=json]').first(), JSON.stringify(body, null, 2)),
    setField: (name, value) => write(rowOf(name).getByRole('textbox').last(), value),
    async chooseFile(name, file) {
      const [chooser] = await Promise.all([
        page.waitForEvent('filechooser'),
        rowOf(name).getByText('Select File').click(),
      ]);
      await chooser.setFiles(file);
      await client.locator('.scalar-code-block', { hasText: `@${file.name}` }).waitFor();
    },
    async send(status) {
      const editors = client.locator('[data-language=json]');
      const written = await editors.count();
      await client.getByRole('button', { name: /^Send/ }).first().click();
      await client.getByRole('link', { name: status }).waitFor();
      await editors.nth(written).waitFor();
      // It is shown line by line.
      for (;;) {
        const lines = await editors.nth(written).locator('.cm-line').allTextContents();
        const answer = parse(lines.join('\n'));
        if (answer) return answer;
      }
    },
    async close() {
      await page.keyboard.press('Escape');
      await client.waitFor({ state: 'hidden' });
    },
  };
}
