import type { Directive, InterfaceType, NamedType, ObjectType, Schema } from '@apollo/federation-internals';
import { Kind, parse, type SelectionSetNode } from 'graphql';

type FieldsType = ObjectType | InterfaceType;

export function isFieldsType(type: NamedType | undefined): type is FieldsType {
  return type?.kind === 'ObjectType' || type?.kind === 'InterfaceType';
}

/**
 * Finds the coordinates of what subgraphs get to resolve a field: of its `@requires` and of arguments from contexts, with what
 * these need in turn, and of the interface's field where it comes of an `@interfaceObject`. By the field's coordinate; fields
 * that need nothing are left out.
 *
 * @param interfaces whether a field that comes of an `@interfaceObject` needs the interface, too
 */
export function requiredCoordinates(
  schema: Schema,
  { interfaces }: { readonly interfaces: boolean },
): ReadonlyMap<string, ReadonlySet<string>> {
  const direct = new Map<string, ReadonlySet<string>>();
  const contexts = typesByContext(schema);
  for (const type of schema.types()) {
    if (!isFieldsType(type)) continue;
    for (const field of type.fields()) {
      const found = new Set<string>();
      for (const directive of field.appliedDirectives) {
        if (directive.name !== 'join__field') continue;
        const { graph, requires, contextArguments } = argumentsOf(directive);
        if (typeof requires === 'string') collect(schema, type, parseSelections(requires), found);
        for (const { context, selection } of readContextArguments(contextArguments))
          for (const each of contexts.get(context) ?? []) collect(schema, each, parseSelections(selection), found);
        if (graph === undefined && type.kind === 'ObjectType')
          addOfInterfaceObjects(type, field.name, interfaces, found);
      }
      found.delete(field.coordinate);
      if (found.size > 0) direct.set(field.coordinate, found);
    }
  }
  return closure(direct);
}

/** Coordinates of a selection's fields, of the types that they are of, and, on an interface, of its objects' fields. */
function collect(schema: Schema, type: NamedType | undefined, set: SelectionSetNode, found: Set<string>): void {
  for (const selection of set.selections) {
    if (selection.kind === Kind.FRAGMENT_SPREAD) continue;
    if (selection.kind === Kind.INLINE_FRAGMENT) {
      const condition = selection.typeCondition ? schema.type(selection.typeCondition.name.value) : type;
      if (condition && condition !== type) found.add(condition.name);
      collect(schema, condition, selection.selectionSet, found);
      continue;
    }
    if (!isFieldsType(type)) continue;
    const owners = type.kind === 'InterfaceType' ? [type, ...type.possibleRuntimeTypes()] : [type];
    for (const owner of owners) {
      const field = owner.field(selection.name.value);
      if (!field?.type) continue;
      found.add(field.coordinate);
      if (owner !== type) found.add(owner.name);
      const inner = baseTypeOf(field.type);
      found.add(inner.name);
      if (selection.selectionSet && owner === type) collect(schema, inner, selection.selectionSet, found);
    }
  }
}

function addOfInterfaceObjects(type: ObjectType, fieldName: string, withInterface: boolean, found: Set<string>): void {
  for (const implemented of type.interfaces()) {
    const field = implemented.field(fieldName);
    const isInterfaceObject = implemented.appliedDirectives.some(
      (directive) => directive.name === 'join__type' && argumentsOf(directive)['isInterfaceObject'] === true,
    );
    if (!field || !isInterfaceObject) continue;
    found.add(field.coordinate);
    if (withInterface) found.add(implemented.name);
  }
}

/** The types on which a context is set, by its name in the supergraph. */
function typesByContext(schema: Schema): ReadonlyMap<string, NamedType[]> {
  const types = new Map<string, NamedType[]>();
  for (const type of schema.types())
    for (const directive of type.appliedDirectives) {
      if (schema.coreFeatures?.sourceFeature(directive)?.feature.url.name !== 'context') continue;
      const { name } = argumentsOf(directive);
      if (typeof name === 'string') types.set(name, [...(types.get(name) ?? []), type]);
    }
  return types;
}

function readContextArguments(value: unknown): Array<{ context: string; selection: string }> {
  return Array.isArray(value) ? (value as Array<{ context: string; selection: string }>) : [];
}

/** Adds to what each field needs what that needs. */
function closure(direct: ReadonlyMap<string, ReadonlySet<string>>): ReadonlyMap<string, ReadonlySet<string>> {
  const all = new Map<string, ReadonlySet<string>>();
  for (const [coordinate, needed] of direct) {
    const reached = new Set(needed);
    for (const each of reached) for (const further of direct.get(each) ?? []) reached.add(further);
    reached.delete(coordinate);
    all.set(coordinate, reached);
  }
  return all;
}

function baseTypeOf(type: { readonly kind: string }): NamedType {
  let inner = type as NamedType & { readonly ofType?: NamedType };
  while (inner.ofType) inner = inner.ofType;
  return inner;
}

function argumentsOf(directive: Directive): Readonly<Record<string, unknown>> {
  return directive.arguments();
}

/** Selections from a context are in braces, and may be on types: `{ ... on User { locale } }`. */
function parseSelections(text: string): SelectionSetNode {
  const [definition] = parse(text.trim().startsWith('{') ? text : `{${text}}`, { noLocation: true }).definitions;
  if (definition?.kind !== Kind.OPERATION_DEFINITION) throw new Error(`"${text}" is no selection`);
  return definition.selectionSet;
}
