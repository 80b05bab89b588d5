import type { Page } from 'playwright-core';

/** What a person does on the page. */
export interface ExplorerPage {
  ready(): Promise<void>;
  logInAs(name: string): Promise<void>;
  logIn(email: string, password: string): Promise<void>;
  openPane(title: string): Promise<void>;
  /** Opens an operation of the collection in a tab of its own. */
  open(operationName: string): Promise<void>;
  setVariables(variables: Record<string, unknown>): Promise<void>;
  chooseFile(variable: string, file: { name: string; mimeType: string; buffer: Buffer }): Promise<void>;
  focusOperation(): Promise<void>;
  /** Runs what is open, and returns its answer. */
  run(): Promise<unknown>;
  /** Writes an operation and runs it in one breath, as somebody who types fast. */
  writeAndRun(text: string): Promise<unknown>;
  /** Runs what does not end. */
  begin(): Promise<void>;
  stop(): Promise<void>;
  /** What the page shows as the answer; null while there is none. */
  answer(): Promise<unknown>;
  /** Waits for an answer. */
  settled(): Promise<unknown>;
  chooseTheme(name: 'Dark' | 'Light' | 'System'): Promise<void>;
  backgroundOf(selector: string): Promise<string>;
  plan(): Promise<{ label: string; subgraphs: string[]; arrows: number; operations: string[] }>;
}

/** One of GraphiQL's editors, whose models are known to Monaco by their names. */
const modelOf = (name: string) =>
  `globalThis.__MONACO?.editor.getModels().find(({ uri }) => uri.path.endsWith(${JSON.stringify(name)}))`;

export function createExplorerPage(page: Page): ExplorerPage {
  const button = page.locator('.graphiql-execute-button');

  const textOf = async (name: string): Promise<string> => page.evaluate(`${modelOf(name)}?.getValue() ?? ''`);

  /** The policy of the page forbids what Playwright waits for functions with. */
  async function untilText(name: string, holds: (text: string) => boolean): Promise<string> {
    for (;;) {
      const text = await textOf(name);
      if (holds(text)) return text;
    }
  }

  const explorer: ExplorerPage = {
    async ready() {
      await page.locator('.graphiql-query-editor .monaco-editor').first().waitFor();
      // The schema is there when the documentation is.
      await explorer.openPane('Documentation Explorer');
      await page.getByText('A GraphQL schema provides').waitFor();
    },
    async logInAs(name) {
      await page.getByRole('button', { name: `Log in as ${name}` }).click();
      await page.getByText(`Signed in as ${name}`).waitFor();
    },
    async logIn(email, password) {
      await page.getByRole('button', { name: 'Log in …' }).click();
      await page.getByLabel('Email').fill(email);
      await page.getByLabel('Password').fill(password);
      await page.getByRole('button', { name: 'Log in', exact: true }).click();
    },
    async openPane(title) {
      const show = page.getByRole('button', { name: `Show ${title}` });
      if ((await show.count()) > 0) await show.click();
      await page.getByRole('button', { name: `Hide ${title}` }).waitFor();
    },
    async open(operationName) {
      await explorer.openPane('Operations');
      await page.getByRole('button', { name: new RegExp(`^(query|mutation|subscription) ${operationName}$`) }).click();
      await page
        .getByRole('tab', { name: operationName, exact: true })
        .or(page.locator('.graphiql-tab-active', { hasText: operationName }))
        .first()
        .waitFor();
      await untilText('operation.graphql', (text) => text.includes(` ${operationName}`));
    },
    // Not typed: the editor closes brackets by itself.
    setVariables: (variables) =>
      page.evaluate(`${modelOf('variables.json')}.setValue(${JSON.stringify(JSON.stringify(variables))})`),
    async chooseFile(variable, file) {
      await explorer.openPane('Files to upload');
      await page.getByLabel(`$${variable}`).setInputFiles(file);
      await page.getByText(`${file.name}, ${file.buffer.length} bytes`).waitFor();
    },
    focusOperation: () => page.locator('.graphiql-query-editor .monaco-editor').first().click(),
    async run() {
      await button.click();
      return explorer.settled();
    },
    async writeAndRun(text) {
      await page.evaluate(`{
        ${modelOf('response.json')}.setValue('');
        ${modelOf('operation.graphql')}.setValue(${JSON.stringify(text)});
        document.querySelector('.graphiql-execute-button').click();
      }`);
      return explorer.settled();
    },
    async begin() {
      await button.click();
      await page.getByRole('button', { name: /^Stop query/ }).waitFor();
    },
    async stop() {
      await button.click();
      await page.getByRole('button', { name: /^Execute query/ }).waitFor();
    },
    async answer() {
      const text = await textOf('response.json');
      return text === '' ? null : JSON.parse(text);
    },
    settled: async () => JSON.parse(await untilText('response.json', (text) => text !== '')),
    async chooseTheme(name) {
      await page.getByRole('button', { name: 'Open settings dialog' }).click();
      await page.getByRole('button', { name, exact: true }).click();
      await page.keyboard.press('Escape');
    },
    backgroundOf: (selector) =>
      page.evaluate(`getComputedStyle(document.querySelector(${JSON.stringify(selector)})).backgroundColor`),
    async plan() {
      await explorer.openPane('Query plan');
      const picture = page.getByRole('img', { name: /^Query plan/ });
      await picture.waitFor();
      return {
        label: (await picture.getAttribute('aria-label')) ?? '',
        subgraphs: await picture
          .locator('g')
          .evaluateAll((all) => all.map((one) => one.getAttribute('data-subgraph') ?? '')),
        arrows: await picture.locator('> path').count(),
        operations: await page.locator('.pane details pre').allTextContents(),
      };
    },
  };
  return explorer;
}
