import {
  Kind,
  parse,
  type ConstDirectiveNode,
  type DocumentNode,
  type InterfaceTypeDefinitionNode,
  type ObjectTypeDefinitionNode,
  type SelectionSetNode,
} from 'graphql';

type TypeNode = ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode;

/**
 * Finds what `@override(label:)` decides about (Federation 2.7): labels by coordinate, of a field with all that it requires,
 * and of a type with the fields of its keys.
 */
export function readOverrideDirectives(
  supergraph: DocumentNode,
): Array<readonly [coordinate: string, labels: string[]]> {
  const types = new Map<string, TypeNode>();
  for (const definition of supergraph.definitions)
    if (definition.kind === Kind.OBJECT_TYPE_DEFINITION || definition.kind === Kind.INTERFACE_TYPE_DEFINITION)
      types.set(definition.name.value, definition);
  const byField = new Map<string, Set<string>>();
  const requirements = new Map<string, string[]>();
  const keys = new Map<string, string[]>();
  for (const [typeName, type] of types) {
    keys.set(
      typeName,
      textsOf(type.directives, 'join__type', 'key').flatMap((key) =>
        coordinatesIn(parseFieldSet(key), typeName, types),
      ),
    );
    for (const { name, directives } of type.fields ?? []) {
      const coordinate = `${typeName}.${name.value}`;
      const labels = textsOf(directives, 'join__field', 'overrideLabel');
      if (labels.length > 0) byField.set(coordinate, new Set(labels));
      const required = textsOf(directives, 'join__field', 'requires');
      if (required.length > 0)
        requirements.set(
          coordinate,
          required.flatMap((set) => coordinatesIn(parseFieldSet(set), typeName, types)),
        );
    }
  }
  if (byField.size === 0) return [];

  /** A field may require what requires something itself. */
  function collect(coordinate: string, seen: Set<string>, labels: Set<string>): Set<string> {
    if (seen.has(coordinate)) return labels;
    seen.add(coordinate);
    for (const label of byField.get(coordinate) ?? []) labels.add(label);
    for (const required of requirements.get(coordinate) ?? []) collect(required, seen, labels);
    return labels;
  }

  const found: Array<readonly [string, string[]]> = [];
  const add = (coordinate: string, members: readonly string[]): void => {
    const seen = new Set<string>();
    const labels = new Set<string>();
    for (const member of members) collect(member, seen, labels);
    if (labels.size > 0) found.push([coordinate, [...labels]]);
  };
  for (const coordinate of new Set([...byField.keys(), ...requirements.keys()])) add(coordinate, [coordinate]);
  for (const [typeName, members] of keys) add(typeName, members);
  return found;
}

/** Fields that a set selects; of an interface, those of its types too. */
function coordinatesIn(
  { selections }: SelectionSetNode,
  typeName: string,
  types: ReadonlyMap<string, TypeNode>,
): string[] {
  return selections.flatMap((selection) => {
    if (selection.kind === Kind.FRAGMENT_SPREAD) return [];
    if (selection.kind === Kind.INLINE_FRAGMENT)
      return coordinatesIn(selection.selectionSet, selection.typeCondition?.name.value ?? typeName, types);
    const { name, selectionSet } = selection;
    const owners = [...types.values()].filter(
      (type) =>
        type.name.value === typeName || type.interfaces?.some((implemented) => implemented.name.value === typeName),
    );
    const inner = selectionSet && fieldType(types.get(typeName), name.value);
    return [
      ...owners.map((owner) => `${owner.name.value}.${name.value}`),
      ...(selectionSet && inner !== undefined ? coordinatesIn(selectionSet, inner, types) : []),
    ];
  });
}

function fieldType(type: TypeNode | undefined, fieldName: string): string | undefined {
  let found = type?.fields?.find(({ name }) => name.value === fieldName)?.type;
  while (found && found.kind !== Kind.NAMED_TYPE) found = found.type;
  return found?.name.value;
}

function textsOf(directives: readonly ConstDirectiveNode[] | undefined, name: string, argument: string): string[] {
  return (directives ?? []).flatMap((directive) => {
    if (directive.name.value !== name) return [];
    const value = directive.arguments?.find((given) => given.name.value === argument)?.value;
    return value?.kind === Kind.STRING ? [value.value] : [];
  });
}

function parseFieldSet(text: string): SelectionSetNode {
  const [definition] = parse(`{${text}}`, { noLocation: true }).definitions;
  if (definition?.kind !== Kind.OPERATION_DEFINITION) throw new Error(`"${text}" is no set of fields`);
  return definition.selectionSet;
}
