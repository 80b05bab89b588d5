import path from 'node:path';
import graphqlPlugin from '@graphql-eslint/eslint-plugin';
import { ESLint, type Linter } from 'eslint';
import { Kind, visit, type DocumentNode } from 'graphql';
import { sdlRules } from '../../lint-rules.mjs';
import type { Finding } from '../finding.js';
import { placeOf } from '../graph/place.js';
import type { SubgraphSource } from '../sources/subgraph-sources.js';

/** When something that is deprecated goes away stands in its reason. */
const DATE = /\b\d{4}-\d{2}-\d{2}\b/;

/**
 * Lints the SDL of each subgraph: names, descriptions, connections, deprecations with a reason and a day.
 *
 * @param root the folder that places are relative to
 */
export async function lintSubgraphs(
  root: string,
  sources: readonly SubgraphSource[],
  today: string,
): Promise<Finding[]> {
  const findings = await Promise.all(sources.map((source) => lint(root, source, describedElsewhere(source, sources))));
  return [...findings.flat(), ...sources.flatMap(({ document }) => findDeprecations(document, today))];
}

async function lint(root: string, { document }: SubgraphSource, foreignTypes: readonly string[]): Promise<Finding[]> {
  const files = filesOf(document);
  const config: Linter.Config = {
    files: ['**/*.*'],
    languageOptions: {
      parser: graphqlPlugin.parser,
      parserOptions: { graphQLConfig: { schema: files.map((file) => path.resolve(root, file)) } },
    },
    plugins: { '@graphql-eslint': graphqlPlugin as unknown as ESLint.Plugin },
    rules: sdlRules(foreignTypes, { hasConnections: hasConnections(document) }),
  };
  const paths = files.map((file) => path.resolve(root, file));
  // What is not below its folder is ignored by ESLint; and a name with brackets is a name.
  const cwd = commonFolder([root, ...paths.map((file) => path.dirname(file))]);
  const eslint = new ESLint({ cwd, globInputPaths: false, overrideConfigFile: true, overrideConfig: [config] });
  const results = await eslint.lintFiles(paths);
  return results.flatMap(({ filePath, messages }) =>
    messages.map(({ ruleId, message, line, column, fatal }) => ({
      check: 'lint' as const,
      code: fatal ? 'INVALID_GRAPHQL' : toCode(ruleId),
      severity: 'error' as const,
      message,
      place: { file: path.relative(root, filePath).split(path.sep).join('/'), line: line || 1, column: column || 1 },
    })),
  );
}

function commonFolder(folders: readonly string[]): string {
  const all = folders.map((folder) => folder.split(path.sep));
  const [first = []] = all;
  const depth = first.findIndex((step, index) => all.some((steps) => steps[index] !== step));
  return (depth === -1 ? first : first.slice(0, depth)).join(path.sep) || path.sep;
}

/** `@graphql-eslint/require-description` is REQUIRE_DESCRIPTION. */
function toCode(rule: string | null): string {
  return (rule ?? 'lint').replace(/^.*\//, '').replaceAll('-', '_').toUpperCase();
}

function filesOf({ definitions }: DocumentNode): string[] {
  return [...new Set(definitions.flatMap(({ loc }) => loc?.source.name ?? []))];
}

function hasConnections({ definitions }: DocumentNode): boolean {
  return definitions.some(
    (definition) => definition.kind === Kind.OBJECT_TYPE_DEFINITION && definition.name.value.endsWith('Connection'),
  );
}

/** Types that this subgraph adds fields to, and another describes. */
function describedElsewhere(source: SubgraphSource, sources: readonly SubgraphSource[]): string[] {
  const others = new Set(
    sources.filter((other) => other !== source).flatMap(({ document }) => typesOf(document, true)),
  );
  return typesOf(source.document, false).filter((name) => others.has(name));
}

function typesOf({ definitions }: DocumentNode, isDescribed: boolean): string[] {
  return definitions.flatMap((definition) =>
    definition.kind === Kind.OBJECT_TYPE_DEFINITION && (definition.description !== undefined) === isDescribed
      ? [definition.name.value]
      : [],
  );
}

function findDeprecations(document: DocumentNode, today: string): Finding[] {
  const findings: Finding[] = [];
  visit(document, {
    Directive(node) {
      if (node.name.value !== 'deprecated') return;
      const reason = node.arguments?.find(({ name }) => name.value === 'reason')?.value;
      const [date] = DATE.exec(reason?.kind === Kind.STRING ? reason.value : '') ?? [];
      const place = placeOf(node);
      const about = { check: 'lint' as const, ...(place && { place }) };
      if (date === undefined)
        findings.push({
          ...about,
          code: 'DEPRECATION_WITHOUT_DATE',
          severity: 'error',
          message: 'The reason of a deprecation names the day on which it is over, such as 2026-12-31.',
        });
      else if (date < today)
        findings.push({
          ...about,
          code: 'DEPRECATION_IS_OVER',
          severity: 'warning',
          message: `What was deprecated until ${date} may be removed.`,
        });
    },
  });
  return findings;
}
