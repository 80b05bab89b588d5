import { unwatchFile, watchFile } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { ConfigError, type Log } from '@taskgraph/service-kit';
import { parse, print } from 'graphql';
import { z } from 'zod';
import type { DocumentLimits } from '@taskgraph/federation-engine/internal/compile/document/limits.js';
import { scanText } from '@taskgraph/federation-engine/internal/compile/document/scan-text.js';

/** Documents that clients have registered, as one version of the manifest has them. */
export interface RegisteredDocuments {
  findById(id: string): string | undefined;
  /** By the text as it is, and by what it says: white space, commas and comments may differ. */
  has(text: string): boolean;
  /** Of their operations. */
  readonly names: ReadonlySet<string>;
}

/** The manifest that is in force. */
interface DocumentManifest {
  /** @throws ConfigError when it cannot be read, or is no manifest */
  start(): Promise<void>;
  readonly documents: () => RegisteredDocuments;
  close(): void;
}

interface DocumentManifestOptions {
  readonly path: string;
  readonly pollMs: number;
  readonly limits: DocumentLimits;
  readonly log: Log;
}

/** `apollo-persisted-query-manifest`, version 1, as `@apollo/generate-persisted-query-manifest` writes it. */
const manifest = z.object({
  format: z.literal('apollo-persisted-query-manifest'),
  version: z.literal(1),
  operations: z.array(z.object({ id: z.string().min(1), name: z.string(), body: z.string().min(1) })),
});

/**
 * Reads a manifest of persisted queries, and again whenever the file changes. One that cannot be used is refused with a log
 * line, and the one before stays in force.
 */
export function createDocumentManifest({ path, pollMs, limits, log }: DocumentManifestOptions): DocumentManifest {
  let taken = '';
  let documents: RegisteredDocuments | null = null;

  async function load(): Promise<void> {
    const text = await readFile(path, 'utf8');
    if (text === taken && documents) return;
    documents = readManifest(text, limits);
    taken = text;
  }

  const onChange = () => {
    load().then(
      () => log.info({ path }, 'the registered documents are read again'),
      (error: unknown) =>
        log.error({ err: error, path }, 'the new registered documents cannot be used; those before stay in force'),
    );
  };

  return {
    async start() {
      await load().catch((error: unknown) => {
        throw new ConfigError([`SAFELIST_FILE: ${path} cannot be used: ${(error as Error).message}`]);
      });
      // Polling also sees the symbolic links that Kubernetes swaps under a mounted file.
      watchFile(path, { interval: pollMs, persistent: false }, onChange);
    },
    documents() {
      if (!documents) throw new Error('the registered documents are not loaded');
      return documents;
    },
    close: () => unwatchFile(path, onChange),
  };
}

/** @throws when the text is no manifest, a document of it is none, or two have the same id */
export function readManifest(text: string, limits: DocumentLimits): RegisteredDocuments {
  const { operations } = manifest.parse(JSON.parse(text));
  const byId = new Map<string, string>();
  const texts = new Set<string>();
  const normalTexts = new Set<string>();
  for (const { id, name, body } of operations) {
    const known = byId.get(id);
    if (known !== undefined && known !== body) throw new Error(`The id ${id} stands for two documents.`);
    byId.set(id, body);
    texts.add(body);
    try {
      normalTexts.add(normalise(body));
    } catch (cause) {
      throw new Error(`The document ${JSON.stringify(name)} (${id}) is not GraphQL.`, { cause });
    }
  }
  return {
    names: new Set(operations.map(({ name }) => name)),
    findById: (id) => byId.get(id),
    has(candidate) {
      if (texts.has(candidate)) return true;
      try {
        scanText(candidate, limits);
        return normalTexts.has(normalise(candidate));
      } catch {
        // What is no document is none that is registered.
        return false;
      }
    },
  };
}

function normalise(text: string): string {
  return print(parse(text, { noLocation: true }));
}
