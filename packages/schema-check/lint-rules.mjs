/**
 * Rules of @graphql-eslint for the SDL of a subgraph: names, descriptions, deprecations, connections as Relay has them.
 *
 * Not `relay-edge-types`, which remembers the edges of the first schema of a process, and not `require-deprecation-date`, which wants
 * an argument that `@deprecated` does not have: `schema-check` looks after both by itself.
 *
 * @param {readonly string[]} foreignTypes which another subgraph owns, and describes
 * @param {{ hasConnections?: boolean }} [options] whether it has pages
 */
export function sdlRules(foreignTypes, { hasConnections = true } = {}) {
  return {
    '@graphql-eslint/naming-convention': [
      'error',
      {
        types: 'PascalCase',
        FieldDefinition: 'camelCase',
        InputValueDefinition: 'camelCase',
        Argument: 'camelCase',
        DirectiveDefinition: 'camelCase',
        EnumValueDefinition: 'UPPER_CASE',
      },
    ],
    '@graphql-eslint/no-duplicate-fields': 'error',
    '@graphql-eslint/no-hashtag-description': 'error',
    '@graphql-eslint/no-typename-prefix': 'error',
    '@graphql-eslint/relay-arguments': ['error', { includeBoth: false }],
    '@graphql-eslint/relay-connection-types': 'error',
    // It wants a `PageInfo` of everybody.
    ...(hasConnections && { '@graphql-eslint/relay-page-info': 'error' }),
    '@graphql-eslint/require-deprecation-reason': 'error',
    '@graphql-eslint/require-description': [
      'error',
      {
        types: true,
        DirectiveDefinition: true,
        rootField: true,
        ...(foreignTypes.length > 0 && {
          ignoredSelectors: foreignTypes.map((name) => `ObjectTypeDefinition[name.value=${name}]`),
        }),
      },
    ],
    '@graphql-eslint/unique-enum-value-names': 'error',
  };
}
