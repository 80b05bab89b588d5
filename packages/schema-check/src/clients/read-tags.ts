import type { DocumentNode } from 'graphql';
import { CheckError } from '../check-error.js';
import { parseOrThrow } from './parse-document.js';

/** What files with code end with. */
export const CODE_EXTENSIONS = ['.ts', '.tsx', '.mts', '.cts', '.js', '.jsx', '.mjs', '.cjs'] as const;

export function isCode(file: string): boolean {
  return CODE_EXTENSIONS.some((extension) => file.endsWith(extension));
}

/** Bundles are longer, and take Babel minutes. */
const MAX_CODE_LENGTH = 2 * 2 ** 20;

/** A template literal, as Babel has it: `start` and `end` count characters of the file. */
interface Template {
  readonly quasis: ReadonlyArray<{ readonly start?: number | null; readonly end?: number | null }>;
  readonly loc?: { readonly start: { readonly line: number; readonly column: number } } | null;
}

/**
 * Reads the documents that stand in code as `gql` or `graphql` tags, as calls of these with a template, or behind a comment with GraphQL
 * in it. Each document has the lines and columns of the file. What is interpolated is left out: a fragment has a tag of its own.
 *
 * @throws CheckError when a file is no code that Babel reads, or a tag is no GraphQL
 */
export async function readTags(files: ReadonlyArray<readonly [file: string, text: string]>): Promise<DocumentNode[]> {
  // Most files have none, and declarations have nothing but types: Babel, which takes a while to load, need not read them.
  const tagged = files.filter(([file, text]) => /gql|graphql/i.test(text) && !/\.d\.[cm]?ts$/.test(file));
  if (tagged.length === 0) return [];
  for (const [file, { length }] of tagged)
    if (length > MAX_CODE_LENGTH)
      throw new CheckError(`${file} is too long for code that somebody has written: name the folder of its sources.`);
  const { gqlPluckFromCodeStringSync } = await import('@graphql-tools/graphql-tag-pluck');
  return tagged.flatMap(([file, text]) => {
    let sources;
    try {
      sources = gqlPluckFromCodeStringSync(file, text, { skipIndent: true, pluckStringFromFile: inPlace });
    } catch (error) {
      const { message, loc } = error as Error & { loc?: { line: number } };
      throw new CheckError(`${file}:${loc?.line ?? 1} cannot be read as code: ${message}`);
    }
    return sources.filter(({ body }) => body.trim() !== '').map(({ body }) => parseOrThrow(body, file));
  });
}

/** The text of a template where it stands: lines before it are empty, and blanks stand for what is interpolated. */
function inPlace(code: string, { quasis, loc }: Template): string {
  const { line, column } = loc?.start ?? { line: 1, column: 0 };
  const parts = quasis.map(({ start, end }, index) => {
    const next = quasis[index + 1]?.start ?? end ?? 0;
    return code.slice(start ?? 0, end ?? 0) + code.slice(end ?? 0, next).replaceAll(/[^\n]/g, ' ');
  });
  return '\n'.repeat(line - 1) + ' '.repeat(column + 1) + parts.join('');
}
