import {
  getNamedType,
  getNullableType,
  isInputObjectType,
  isObjectType,
  isUnionType,
  typeFromAST,
  type FieldNode,
  type GraphQLInputType,
  type GraphQLObjectType,
  type GraphQLSchema,
} from 'graphql';
import { compileQuery, invalid, type CompiledQuery, type Places } from './compile-query.js';
import type { RestDocument } from './rest-documents.js';
import { schemaOfMembers, type InputMember, type JsonSchema } from './json-schema.js';
import { codeOfType, problemOfUnion, statusOfCode } from './problem.js';
import type { Route } from './routes.js';
import { fieldsOf, shapeOf, shapeOfObject, type Shape } from './shape.js';
import { createValidate } from './validate.js';

/** A route, for one version of the graph. */
export interface CompiledRoute {
  readonly route: Route;
  readonly document: RestDocument;
  readonly query: CompiledQuery;
  readonly body: {
    readonly schema: JsonSchema;
    /** @throws Problem */
    read(body: unknown, isSmall: boolean): Places;
  } | null;
  readonly answer: JsonSchema;
  /** What may come in the place of an answer, beside the errors of every operation. */
  readonly problems: ReadonlyArray<{ readonly code: string; readonly status: number; readonly members: JsonSchema }>;
  /** Makes the answer of what GraphQL has answered; null where there is none. @throws Problem */
  readonly project: (data: Readonly<Record<string, unknown>>) => unknown;
}

type Variables = Readonly<Record<string, InputMember>>;
type Members = Readonly<Record<string, unknown>>;

/** @throws when the graph does not have what the route asks for */
export function compileRoute(schema: GraphQLSchema, route: Route, document: RestDocument): CompiledRoute {
  const { operation, fragments } = document;
  const source = { schema, fragments };
  const variables: Variables = Object.fromEntries(
    (operation.variableDefinitions ?? []).map(({ variable, type }) => {
      const found = typeFromAST(schema, type) as GraphQLInputType | undefined;
      if (!found) throw new Error(`there is no type of $${variable.name.value}`);
      return [variable.name.value, { type: found }];
    }),
  );
  const query = compileQuery(route.query ?? {}, (place) => typeAt(variables, place));
  const root = schema.getRootType(operation.operation);
  const [rootName = '', ...steps] = route.answer;
  const field = root && fieldsOf(source, root, [operation.selectionSet]).get(rootName);
  const definition = field?.[0] && root?.getFields()[field[0].name.value];
  if (!field || !definition) throw new Error(`${document.name} does not ask for ${rootName}`);
  const selections = field.flatMap(({ selectionSet }) => selectionSet ?? []);
  const named = getNamedType(definition.type);
  const members = isUnionType(named) ? named.getTypes() : isObjectType(named) ? [named] : [];
  const success = members.find((type) => !isProblem(type));
  if (!success) throw new Error(`${document.name} has no answer`);
  const shape = followed(source, success, selections, steps);
  return {
    route,
    document,
    query,
    body: compileBody(route, variables),
    answer: shape.schema,
    problems: members.filter(isProblem).map((type) => {
      const code = codeOfType(type.name);
      return { code, status: statusOfCode(code), members: shapeOfObject(source, type, selections).schema };
    }),
    project(data) {
      const value = data[rootName] as Members | null | undefined;
      if (!value) return null;
      const { __typename } = value;
      if (typeof __typename === 'string' && __typename !== success.name && isUnionType(named))
        throw problemOfUnion(value);
      return shape.project(steps.reduce<unknown>((at, name) => (at as Members)[name], value));
    },
  };
}

function isProblem({ name }: GraphQLObjectType): boolean {
  return name.endsWith('Problem') || name === 'SecondFactorRequired';
}

function followed(
  source: Parameters<typeof shapeOf>[0],
  type: GraphQLObjectType,
  selections: Parameters<typeof shapeOf>[2],
  [name, ...others]: readonly string[],
): Shape {
  // A connection is a list wherever it stands.
  if (name === undefined) return notNull(shapeOf(source, type, selections));
  const nodes: readonly FieldNode[] = fieldsOf(source, type, selections).get(name) ?? [];
  const inner = getNamedType(type.getFields()[name]?.type);
  if (!isObjectType(inner)) throw new Error(`${type.name} has no ${name}`);
  const selected = nodes.flatMap(({ selectionSet }) => selectionSet ?? []);
  return followed(source, inner, selected, others);
}

function notNull({ schema, project }: Shape): Shape {
  return { schema: { ...schema, type: 'object' }, project };
}

/** The type of what a place of the variables holds: `filter.status`. @throws */
function typeAt(variables: Variables, place: string): GraphQLInputType {
  const [variable = '', ...names] = place.split('.');
  return names.reduce<GraphQLInputType>(
    (type, name) => {
      const holder = getNullableType(type);
      const field = isInputObjectType(holder) ? holder.getFields()[name] : undefined;
      if (!field) throw new Error(`there is no ${place}`);
      return field.type;
    },
    (variables[variable] as InputMember).type,
  );
}

function isFile({ type }: InputMember): boolean {
  return getNamedType(type).name === 'Upload';
}

function compileBody(route: Route, variables: Variables): CompiledRoute['body'] {
  if (route.body === undefined) return null;
  const prefix = route.body === 'input' ? 'input.' : '';
  const elsewhere = new Set([
    ...Object.values(route.parameters ?? {}),
    ...Object.values(route.query ?? {}).map(({ place }) => place),
    ...(route.version === undefined ? [] : [route.version]),
  ]);
  const input = getNullableType(variables['input']?.type);
  const all: Variables = route.body === 'input' && isInputObjectType(input) ? input.getFields() : variables;
  const members = Object.entries(all).filter(([name]) => !elsewhere.has(`${prefix}${name}`));
  // A form is sent in the order in which it is described, by people and by programs, and its file has to be last.
  const own = Object.fromEntries(members.toSorted(([, a], [, b]) => Number(isFile(a)) - Number(isFile(b))));
  const schema = schemaOfMembers(own);
  const validate = createValidate(schema, 'body');
  return {
    schema,
    read(body, isSmall) {
      const errors = validate(body, isSmall);
      if (errors.length > 0) throw invalid('The body is not as this route takes it.', errors);
      const given = Object.entries(body as Members).map(([name, value]) => [`${prefix}${name}`, value] as const);
      // An empty body is an input without members.
      return route.body === 'input' ? [['input', {}], ...given] : given;
    },
  };
}
