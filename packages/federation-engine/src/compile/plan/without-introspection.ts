import { Kind, visit, type DocumentNode, type SelectionNode } from 'graphql';

const ABOUT_THE_SCHEMA: ReadonlySet<string> = new Set(['__schema', '__type']);

/**
 * A document without its questions about the schema, which are answered without a plan: the planner knows the introspection of an
 * earlier edition of the GraphQL specification, and takes `isOneOf` for an unknown field.
 */
export function withoutIntrospection(document: DocumentNode): DocumentNode {
  return visit(document, {
    SelectionSet: {
      leave(set) {
        const selections = set.selections.filter((selection) => !isAboutTheSchema(selection));
        if (selections.length === set.selections.length) return undefined;
        return { ...set, selections: selections.length > 0 ? selections : [TYPENAME] };
      },
    },
    // Names with two underscores in front are those of introspection (GraphQL specification, 2.1.9).
    FragmentDefinition: ({ typeCondition }) => (typeCondition.name.value.startsWith('__') ? null : undefined),
  });
}

function isAboutTheSchema(selection: SelectionNode): boolean {
  return selection.kind === Kind.FIELD && ABOUT_THE_SCHEMA.has(selection.name.value);
}

const TYPENAME: SelectionNode = { kind: Kind.FIELD, name: { kind: Kind.NAME, value: '__typename' } };
