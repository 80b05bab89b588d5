import {
  Kind,
  parse,
  print,
  visit,
  type ConstDirectiveNode,
  type DirectiveNode,
  type DocumentNode,
  type FieldDefinitionNode,
} from 'graphql';

/** What it takes to select a field or to see a type. */
export interface SecurityRequirement {
  readonly authenticated: boolean;
  /** The outer list is "or", the inner one "and". Empty when no scopes are asked for. */
  readonly scopes: readonly (readonly string[])[];
}

/** Requirements by schema coordinate: `Query.me`, `AuditEvent`. */
export type SecurityRequirements = ReadonlyMap<string, SecurityRequirement>;

export interface SecuredSupergraph {
  /** Without the marks that make @apollo/gateway refuse the features that this gateway enforces itself. */
  readonly supergraphSdl: string;
  readonly requirements: SecurityRequirements;
}

const SPEC_PREFIX = 'https://specs.apollo.dev/';
/** The features that admission enforces. Others that are `for: SECURITY` (`@policy`) stay refused: to ignore them would open doors. */
const ENFORCED = ['authenticated', 'requiresScopes'] as const;
type EnforcedFeature = (typeof ENFORCED)[number];
/** Arguments from contexts are marked as well, because who ignores them may show the wrong thing; the engine serves them. */
const SERVED = [...ENFORCED, 'context'] as const;

/**
 * Reads the security directives of a supergraph and takes the purpose `SECURITY` off the links of features that are served.
 *
 * @throws GraphQLError when the text is no SDL
 */
export function secureSupergraph(sdl: string): SecuredSupergraph {
  const document = parse(sdl, { noLocation: true });
  const unmarked = withoutPurpose(document);
  if (unmarked === document) return { supergraphSdl: sdl, requirements: new Map() };
  return { supergraphSdl: print(unmarked), requirements: collectRequirements(document, directiveNames(document)) };
}

function linked<Feature extends string>(
  link: ConstDirectiveNode | DirectiveNode,
  features: readonly Feature[],
): Feature | null {
  if (link.name.value !== 'link') return null;
  const url = stringArgument(link, 'url') ?? '';
  return features.find((feature) => url.startsWith(`${SPEC_PREFIX}${feature}/`)) ?? null;
}

/** The directive's name in this document (`as` may rename it), by feature. */
function directiveNames(document: DocumentNode): Map<string, EnforcedFeature> {
  const names = new Map<string, EnforcedFeature>();
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.SCHEMA_DEFINITION && definition.kind !== Kind.SCHEMA_EXTENSION) continue;
    for (const directive of definition.directives ?? []) {
      const feature = linked(directive, ENFORCED);
      if (feature) names.set(stringArgument(directive, 'as') ?? feature, feature);
    }
  }
  return names;
}

function withoutPurpose(document: DocumentNode): DocumentNode {
  return visit(document, {
    Directive(node) {
      if (!linked(node, SERVED)) return undefined;
      return { ...node, arguments: (node.arguments ?? []).filter(({ name }) => name.value !== 'for') };
    },
  });
}

function collectRequirements(
  document: DocumentNode,
  names: ReadonlyMap<string, EnforcedFeature>,
): SecurityRequirements {
  const requirements = new Map<string, SecurityRequirement>();
  const add = (coordinate: string, directives: readonly ConstDirectiveNode[] | undefined) => {
    const requirement = toRequirement(directives ?? [], names);
    if (requirement) requirements.set(coordinate, requirement);
  };
  for (const definition of document.definitions) {
    switch (definition.kind) {
      case Kind.OBJECT_TYPE_DEFINITION:
      case Kind.INTERFACE_TYPE_DEFINITION:
        add(definition.name.value, definition.directives);
        for (const field of definition.fields ?? ([] as FieldDefinitionNode[]))
          add(`${definition.name.value}.${field.name.value}`, field.directives);
        break;
      case Kind.SCALAR_TYPE_DEFINITION:
      case Kind.ENUM_TYPE_DEFINITION:
        add(definition.name.value, definition.directives);
        break;
      default:
    }
  }
  return requirements;
}

function toRequirement(
  directives: readonly ConstDirectiveNode[],
  names: ReadonlyMap<string, EnforcedFeature>,
): SecurityRequirement | null {
  let authenticated = false;
  let scopes: string[][] = [];
  for (const directive of directives) {
    const feature = names.get(directive.name.value);
    if (feature === undefined) continue;
    authenticated = true;
    if (feature === 'requiresScopes') scopes = scopesOf(directive);
  }
  return authenticated ? { authenticated, scopes } : null;
}

function scopesOf(directive: ConstDirectiveNode): string[][] {
  const value = directive.arguments?.find(({ name }) => name.value === 'scopes')?.value;
  if (value?.kind !== Kind.LIST) return [];
  return value.values.map((inner) =>
    inner.kind === Kind.LIST ? inner.values.flatMap((scope) => (scope.kind === Kind.STRING ? [scope.value] : [])) : [],
  );
}

function stringArgument(directive: ConstDirectiveNode | DirectiveNode, name: string): string | undefined {
  const value = directive.arguments?.find((argument) => argument.name.value === name)?.value;
  return value?.kind === Kind.STRING ? value.value : undefined;
}
