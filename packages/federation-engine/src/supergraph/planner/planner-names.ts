import { Kind, parse, visit, type DocumentNode } from 'graphql';

const FIELD_SETS = new Set(['key', 'requires']);

/**
 * Names of fields that the planner asks for on its own account, under these names: of keys, of what fields require, of what
 * arguments take from a context, and the type's name.
 */
export function findPlannerNames(supergraph: DocumentNode): ReadonlySet<string> {
  const names = new Set(['__typename']);
  const addAll = (fieldSet: string) => {
    visit(parse(`{${fieldSet}}`, { noLocation: true }), { Field: ({ name }) => void names.add(name.value) });
  };
  visit(supergraph, {
    Directive({ name, arguments: args }) {
      if (name.value !== 'join__type' && name.value !== 'join__field') return;
      for (const argument of args ?? []) {
        const { value } = argument;
        if (value.kind === Kind.STRING && FIELD_SETS.has(argument.name.value)) addAll(value.value);
        if (argument.name.value === 'contextArguments')
          visit(value, {
            ObjectField: ({ name: member, value: selection }) => {
              if (member.value === 'selection' && selection.kind === Kind.STRING)
                addAll(selection.value.trim().replace(/^\{(.*)\}$/s, '$1'));
            },
          });
      }
    },
  });
  return names;
}
