import type { Schema } from '@apollo/federation-internals';
import { Kind, visit, type ConstDirectiveNode, type DirectiveNode, type DocumentNode } from 'graphql';

const SPECS = 'https://specs.apollo.dev/';

export type EnforcedDirective = 'authenticated' | 'requiresScopes' | 'policy';

/** One condition on the viewer. Of lists of names, the outer is "or", the inner "and". */
export type SecurityCondition =
  | { readonly kind: 'authenticated' }
  | { readonly kind: 'scopes'; readonly anyOf: readonly (readonly string[])[] }
  | { readonly kind: 'policies'; readonly anyOf: readonly (readonly string[])[] };

/** The directives that admission enforces, by the identity of their feature. */
export const ENFORCED: ReadonlyMap<string, EnforcedDirective> = new Map(
  (['authenticated', 'requiresScopes', 'policy'] as const).map((name) => [`${SPECS}${name}`, name]),
);
/** Arguments from contexts are marked as well, because a router that ignores them may show the wrong thing; the engine serves them. */
const SERVED = new Set([...ENFORCED.keys(), `${SPECS}context`].map((identity) => `${identity}/v0.1`));
/** Served by Apollo's packages. */
const SERVED_BY_APOLLO = new Set([`${SPECS}inaccessible`]);
/** A feature of Apollo's that is named like this guards something, whether it is marked or not. */
const GUARDS = /auth|scope|polic|secur|permi|guard|access|privat|protect/i;
const ENFORCED_NAME = /^(.+__)?(authenticated|requiresScopes|policy)$/;

/** Takes the purpose off the links of features that are served, which Apollo's gateway would refuse for it. */
export function withoutServedPurposes(document: DocumentNode): DocumentNode {
  return visit(document, {
    Directive(node) {
      const url = textArgument(node, 'url') ?? textArgument(node, 'feature');
      if (url === undefined || !SERVED.has(url)) return undefined;
      return { ...node, arguments: (node.arguments ?? []).filter(({ name }) => name.value !== 'for') };
    },
  });
}

/**
 * Makes sure that nothing in a supergraph guards something in a way that is not known here: to ignore it would show what it guards.
 *
 * @throws Error naming the feature or directive
 */
export function assertKnownGuards(schema: Schema): void {
  const features = schema.coreFeatures;
  for (const { url, purpose } of features?.allFeatures() ?? []) {
    const { identity } = url;
    if (SERVED.has(url.toString()) || SERVED_BY_APOLLO.has(identity)) continue;
    const isGuard =
      purpose === 'SECURITY' || ENFORCED.has(identity) || (identity.startsWith(SPECS) && GUARDS.test(url.name));
    if (isGuard) throw new Error(`The security feature ${url.toString()} is not known here.`);
  }
  for (const directive of schema.directives()) {
    if (features?.sourceFeature(directive) || !ENFORCED_NAME.test(directive.name)) continue;
    if (directive.applications().size > 0)
      throw new Error(`@${directive.name} guards something, and no @link of the supergraph says what it is.`);
  }
}

function textArgument(directive: ConstDirectiveNode | DirectiveNode, name: string): string | undefined {
  const value = directive.arguments?.find((argument) => argument.name.value === name)?.value;
  return value?.kind === Kind.STRING ? value.value : undefined;
}
