import { valueFromASTUntyped, type ConstDirectiveNode, type GraphQLSchema } from 'graphql';

const FEDERATION = 'https://specs.apollo.dev/federation/';

interface Link {
  readonly url: string;
  readonly as: string | undefined;
  readonly imports: ReadonlyMap<string, string>;
}

/**
 * Finds the name that a directive of Federation has in a subgraph's schema: that of its import, or the one below the name of the
 * feature (link specification, "Name resolution"). Where the schema links no feature, it is the directive's own.
 */
export function linkedName(schema: GraphQLSchema, directive: string): string {
  const nodes = [schema.astNode, ...schema.extensionASTNodes].flatMap((node) => node?.directives ?? []);
  const links = nodes.flatMap((node) => readLink(node) ?? []);
  for (const { url, as, imports } of links) {
    if (url.startsWith(FEDERATION)) return imports.get(directive) ?? `${as ?? 'federation'}__${directive}`;
    if (url.startsWith(`https://specs.apollo.dev/${directive}/`)) return imports.get(directive) ?? as ?? directive;
  }
  return directive;
}

function readLink({ arguments: args }: ConstDirectiveNode): Link | null {
  const values = Object.fromEntries((args ?? []).map(({ name, value }) => [name.value, valueFromASTUntyped(value)]));
  const { url, as, import: imported } = values;
  if (typeof url !== 'string') return null;
  const imports = new Map<string, string>();
  for (const each of Array.isArray(imported) ? (imported as unknown[]) : []) {
    const { name, as: renamed } = (typeof each === 'string' ? { name: each } : each) as { name: string; as?: string };
    if (name.startsWith('@')) imports.set(name.slice(1), (renamed ?? name).replace(/^@/, ''));
  }
  return { url, as: typeof as === 'string' ? as : undefined, imports };
}
