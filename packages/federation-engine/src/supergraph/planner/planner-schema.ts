import {
  Kind,
  parse,
  print,
  visit,
  type ConstArgumentNode,
  type ConstDirectiveNode,
  type DocumentNode,
  type FieldDefinitionNode,
  type FieldNode,
  type InterfaceTypeDefinitionNode,
  type ObjectTypeDefinitionNode,
  type SelectionSetNode,
} from 'graphql';

/** A field with the arguments that `@requires` gives it. */
interface RequiredCall {
  readonly field: string;
  readonly arguments: readonly ConstArgumentNode[];
}

/** A supergraph as the planner is given it. */
export interface PlannerSchema {
  readonly document: DocumentNode;
  /** What the fields stand for that are there for the planner only, by their names. */
  readonly calls: ReadonlyMap<string, RequiredCall>;
  /** Members that a field requires, as paths of names joined by dots; by {@link requirementKey}. */
  readonly requirements: ReadonlyMap<string, readonly string[]>;
  /** Keys of a type in a subgraph, each as such paths; by {@link requirementKey} without a field. */
  readonly keys: ReadonlyMap<string, ReadonlyArray<readonly string[]>>;
}

type TypeNode = ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode;

/**
 * Rewrites a supergraph where Apollo's planner plans wrongly what it says.
 *
 * - The planner comes back to a subgraph with the first key of the entity that is at hand there, be it one that the subgraph
 *   declares with `resolvable: false`. Keys that can be resolved are put first.
 * - The planner merges fields by their response names and forgets that their arguments may differ: `@requires(fields:
 *   "price(currency: USD)")` and a client's `price(currency: "EUR")` become one field, and one of both gets the other's value.
 *   A field that is required with arguments gets a stand-in without arguments; `restore-calls.ts` puts the call in its place.
 */
export function preparePlannerSchema(supergraph: DocumentNode): PlannerSchema {
  const standIns = new StandIns(supergraph);
  const requirements = new Map<string, readonly string[]>();
  const graphs = graphNames(supergraph);

  const rewritten = mapTypes(supergraph, (type) => ({
    ...type,
    directives: resolvableFirst(type.directives ?? []),
    fields: (type.fields ?? []).map((field) => ({
      ...field,
      directives: (field.directives ?? []).map((directive) => {
        const required = directive.name.value === 'join__field' ? textArgument(directive, 'requires') : undefined;
        if (required === undefined) return directive;
        const selections = standIns.replace(parseFieldSet(required), type.name.value);
        const graph = graphs.get(graphOf(directive)) ?? '';
        // Of an interface a field requires what it requires of any of its types.
        for (const { value: name } of [type.name, ...(type.interfaces ?? []).map((each) => each.name)]) {
          const key = requirementKey(graph, name, field.name.value);
          requirements.set(key, [...(requirements.get(key) ?? []), ...memberPaths(selections, '')]);
        }
        return withTextArgument(directive, 'requires', printFieldSet(selections));
      }),
    })),
  }));
  const { calls } = standIns;
  const keys = findKeys(supergraph, graphs);
  if (calls.size === 0) return { document: rewritten, calls, requirements, keys };
  const uses = findUses(rewritten, calls);
  return { document: mapTypes(rewritten, (type) => standIns.addTo(type, uses)), calls, requirements, keys };
}

function findKeys(supergraph: DocumentNode, graphs: ReadonlyMap<string, string>): PlannerSchema['keys'] {
  const keys = new Map<string, Array<readonly string[]>>();
  for (const type of typesByName(supergraph).values())
    for (const directive of type.directives ?? []) {
      const text = directive.name.value === 'join__type' ? textArgument(directive, 'key') : undefined;
      if (text === undefined) continue;
      const key = requirementKey(graphs.get(graphOf(directive)) ?? '', type.name.value, '');
      keys.set(key, [...(keys.get(key) ?? []), memberPaths(parseFieldSet(text), '')]);
    }
  return keys;
}

export function requirementKey(subgraph: string, type: string, field: string): string {
  return `${subgraph} ${type}.${field}`;
}

/** The stand-ins of one supergraph. */
class StandIns {
  readonly calls = new Map<string, RequiredCall>();
  readonly #types: ReadonlyMap<string, TypeNode>;
  readonly #names = new Set<string>();
  readonly #byCall = new Map<string, string>();
  /** Names of stand-ins by type. */
  readonly #byType = new Map<string, Set<string>>();

  constructor(supergraph: DocumentNode) {
    this.#types = typesByName(supergraph);
    for (const { fields } of this.#types.values()) for (const { name } of fields ?? []) this.#names.add(name.value);
  }

  /** A field set with stand-ins in the place of fields with arguments. */
  replace(set: SelectionSetNode, typeName: string): SelectionSetNode {
    return {
      ...set,
      selections: set.selections.map((selection) => {
        if (selection.kind === Kind.FRAGMENT_SPREAD) return selection;
        if (selection.kind === Kind.INLINE_FRAGMENT) {
          const inner = selection.typeCondition?.name.value ?? typeName;
          return { ...selection, selectionSet: this.replace(selection.selectionSet, inner) };
        }
        const type = fieldType(this.#types.get(typeName), selection.name.value);
        const selectionSet = selection.selectionSet && type ? this.replace(selection.selectionSet, type) : undefined;
        const whole = { ...selection, ...(selectionSet && { selectionSet }) };
        if (!selection.arguments || selection.arguments.length === 0) return whole;
        const { arguments: _arguments, ...bare } = whole;
        return { ...bare, name: { kind: Kind.NAME, value: this.#nameFor(selection, typeName) } };
      }),
    };
  }

  /** Adds a type's stand-ins. A subgraph may declare as external only what it uses: the field itself, its stand-in, or both. */
  addTo(type: TypeNode, uses: ReadonlySet<string>): TypeNode {
    const names = this.#byType.get(type.name.value);
    if (!names) return type;
    const replaced = new Set([...names].map((name) => this.calls.get(name)?.field));
    const withUsed = (field: FieldDefinitionNode): FieldDefinitionNode => ({
      ...field,
      directives: (field.directives ?? []).filter(
        (directive) =>
          !isExternal(directive) || uses.has(useKey(graphOf(directive), type.name.value, field.name.value)),
      ),
    });
    const fields = (type.fields ?? []).flatMap((field): FieldDefinitionNode[] => {
      if (!replaced.has(field.name.value)) return [field];
      const standIns = [...names].filter((name) => this.calls.get(name)?.field === field.name.value);
      return [
        field,
        ...standIns.map((value) => ({ ...field, name: { kind: Kind.NAME as const, value }, arguments: [] })),
      ].map(withUsed);
    });
    return { ...type, fields };
  }

  #nameFor(field: FieldNode, typeName: string): string {
    const { value } = field.name;
    const call = `${value}(${(field.arguments ?? []).map(print).sort().join()})`;
    let name = this.#byCall.get(call);
    if (name === undefined) {
      let number = 1;
      while (this.#names.has(`${value}_required${number}`)) number += 1;
      name = `${value}_required${number}`;
      this.#names.add(name);
      this.#byCall.set(call, name);
      this.calls.set(name, { field: value, arguments: (field.arguments ?? []) as readonly ConstArgumentNode[] });
    }
    // A type that implements an interface has its fields.
    for (const type of this.#types.values())
      if (type.name.value === typeName || implementsInterface(type, typeName))
        this.#byType.set(type.name.value, (this.#byType.get(type.name.value) ?? new Set()).add(name));
    return name;
  }
}

/** Fields that subgraphs name in field sets, or need for an interface; by {@link useKey}. */
function findUses(supergraph: DocumentNode, calls: PlannerSchema['calls']): ReadonlySet<string> {
  const types = typesByName(supergraph);
  const uses = new Set<string>();
  const note = (graph: string, typeName: string, set: SelectionSetNode): void => {
    for (const selection of set.selections) {
      if (selection.kind === Kind.FRAGMENT_SPREAD) continue;
      if (selection.kind === Kind.INLINE_FRAGMENT) {
        note(graph, selection.typeCondition?.name.value ?? typeName, selection.selectionSet);
        continue;
      }
      const { name, selectionSet } = selection;
      for (const type of types.values())
        if (type.name.value === typeName || implementsIn(type, typeName, graph))
          uses.add(useKey(graph, type.name.value, name.value));
      const inner = fieldType(types.get(typeName), calls.get(name.value)?.field ?? name.value);
      if (selectionSet && inner !== undefined) note(graph, inner, selectionSet);
    }
  };
  for (const type of types.values()) {
    const { value: typeName } = type.name;
    for (const directive of type.directives ?? []) {
      const key = directive.name.value === 'join__type' ? textArgument(directive, 'key') : undefined;
      if (key !== undefined) note(graphOf(directive), typeName, parseFieldSet(key));
      const implemented =
        directive.name.value === 'join__implements' ? textArgument(directive, 'interface') : undefined;
      for (const { name } of types.get(implemented ?? '')?.fields ?? [])
        uses.add(useKey(graphOf(directive), typeName, name.value));
    }
    for (const field of type.fields ?? [])
      for (const directive of field.directives ?? []) {
        if (directive.name.value !== 'join__field') continue;
        const [required, provided] = [textArgument(directive, 'requires'), textArgument(directive, 'provides')];
        if (required !== undefined) note(graphOf(directive), typeName, parseFieldSet(required));
        const inner = fieldType(type, field.name.value);
        if (provided !== undefined && inner !== undefined) note(graphOf(directive), inner, parseFieldSet(provided));
      }
  }
  return uses;
}

function useKey(graph: string, type: string, field: string): string {
  return `${graph} ${type}.${field}`;
}

function implementsInterface(type: TypeNode, name: string): boolean {
  return type.interfaces?.some((implemented) => implemented.name.value === name) === true;
}

/** A type may implement an interface in some subgraphs only. */
function implementsIn(type: TypeNode, name: string, graph: string): boolean {
  return (type.directives ?? []).some(
    (directive) =>
      directive.name.value === 'join__implements' &&
      textArgument(directive, 'interface') === name &&
      graphOf(directive) === graph,
  );
}

function fieldType(type: TypeNode | undefined, fieldName: string): string | undefined {
  let fieldType = type?.fields?.find(({ name }) => name.value === fieldName)?.type;
  while (fieldType && fieldType.kind !== Kind.NAMED_TYPE) fieldType = fieldType.type;
  return fieldType?.name.value;
}

function typesByName({ definitions }: DocumentNode): Map<string, TypeNode> {
  return new Map(definitions.filter(isFieldsType).map((type) => [type.name.value, type]));
}

function resolvableFirst(directives: readonly ConstDirectiveNode[]): ConstDirectiveNode[] {
  const isLast = ({ name, arguments: args }: ConstDirectiveNode) =>
    name.value === 'join__type' &&
    args?.some(
      (argument) =>
        argument.name.value === 'resolvable' && argument.value.kind === Kind.BOOLEAN && !argument.value.value,
    ) === true;
  return [...directives.filter((directive) => !isLast(directive)), ...directives.filter(isLast)];
}

/** `GRAPH_A` → `graph-a`: the names of subgraphs behind the values of the enum that stands for them. */
function graphNames(supergraph: DocumentNode): Map<string, string> {
  const names = new Map<string, string>();
  for (const definition of supergraph.definitions) {
    if (definition.kind !== Kind.ENUM_TYPE_DEFINITION || definition.name.value !== 'join__Graph') continue;
    for (const { name, directives } of definition.values ?? []) {
      const graph = directives?.find((directive) => directive.name.value === 'join__graph');
      names.set(name.value, (graph && textArgument(graph, 'name')) ?? name.value);
    }
  }
  return names;
}

function memberPaths({ selections }: SelectionSetNode, base: string): string[] {
  return selections.flatMap((selection) => {
    if (selection.kind === Kind.FRAGMENT_SPREAD) return [];
    if (selection.kind === Kind.INLINE_FRAGMENT) return memberPaths(selection.selectionSet, base);
    const path = base === '' ? selection.name.value : `${base}.${selection.name.value}`;
    return [path, ...(selection.selectionSet ? memberPaths(selection.selectionSet, path) : [])];
  });
}

function mapTypes(document: DocumentNode, map: (type: TypeNode) => TypeNode): DocumentNode {
  return {
    ...document,
    definitions: document.definitions.map((definition) => (isFieldsType(definition) ? map(definition) : definition)),
  };
}

function isFieldsType(definition: DocumentNode['definitions'][number]): definition is TypeNode {
  return definition.kind === Kind.OBJECT_TYPE_DEFINITION || definition.kind === Kind.INTERFACE_TYPE_DEFINITION;
}

function textArgument({ arguments: args }: ConstDirectiveNode, name: string): string | undefined {
  const value = args?.find((argument) => argument.name.value === name)?.value;
  return value?.kind === Kind.STRING ? value.value : undefined;
}

/** The value of the enum of subgraphs that a directive is about. */
function graphOf({ arguments: args }: ConstDirectiveNode): string {
  const value = args?.find(({ name }) => name.value === 'graph')?.value;
  return value?.kind === Kind.ENUM ? value.value : '';
}

function isExternal({ name, arguments: args }: ConstDirectiveNode): boolean {
  return (
    name.value === 'join__field' &&
    args?.some(
      (argument) => argument.name.value === 'external' && argument.value.kind === Kind.BOOLEAN && argument.value.value,
    ) === true
  );
}

function withTextArgument(directive: ConstDirectiveNode, name: string, text: string): ConstDirectiveNode {
  return visit(directive, {
    Argument: (argument) =>
      argument.name.value === name ? { ...argument, value: { kind: Kind.STRING, value: text } } : undefined,
  });
}

function parseFieldSet(text: string): SelectionSetNode {
  const [definition] = parse(`{${text}}`, { noLocation: true }).definitions;
  if (definition?.kind !== Kind.OPERATION_DEFINITION) throw new Error(`"${text}" is no set of fields`);
  return definition.selectionSet;
}

function printFieldSet(set: SelectionSetNode): string {
  return set.selections.map(print).join(' ').replace(/\s+/g, ' ');
}
