import { Kind, visit, type DocumentNode } from 'graphql';

const PREFIX = 'apart__';

/**
 * Renames what a client's operation calls by a name that the planner uses for something else.
 *
 * The planner asks for keys and required fields under their own names, beside what the client selects, and merges fields by
 * response name: of `{ users { id: name posts { title } } }` it would lose the name, or send it as the key. Such a field is
 * fetched under another name; {@link clientName} is the way back, for whoever writes to the client.
 *
 * @param taken names that the planner asks for on its own account
 */
export function setResponseNamesApart(document: DocumentNode, taken: ReadonlySet<string>): DocumentNode {
  return visit(document, {
    FragmentDefinition: {
      // What introspection answers is no data of subgraphs.
      enter: ({ typeCondition }) => (typeCondition.name.value.startsWith('__') ? false : undefined),
    },
    Field: {
      enter(field) {
        const { name, alias } = field;
        if (name.value === '__schema' || name.value === '__type') return false;
        const responseName = (alias ?? name).value;
        const isOther = name.value !== responseName || (field.arguments ?? []).length > 0;
        if (!responseName.startsWith(PREFIX) && !(isOther && taken.has(responseName))) return undefined;
        return { ...field, alias: { kind: Kind.NAME as const, value: `${PREFIX}${responseName}` } };
      },
    },
  });
}

/** The name that the client gave to what is fetched under this name. */
export function clientName(name: string): string {
  return name.startsWith(PREFIX) ? name.slice(PREFIX.length) : name;
}
