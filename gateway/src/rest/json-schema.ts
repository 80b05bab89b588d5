import {
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  type GraphQLEnumType,
  type GraphQLInputType,
  type GraphQLScalarType,
} from 'graphql';

/** JSON Schema 2020-12, as OpenAPI 3.1 has it; as far as it is written here. */
export interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean;
  readonly items?: JsonSchema;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minProperties?: number;
  readonly $ref?: string;
}

const INT32 = { minimum: -(2 ** 31), maximum: 2 ** 31 - 1 };

const SCALARS: Readonly<Record<string, JsonSchema>> = {
  ID: { type: 'string' },
  String: { type: 'string' },
  Boolean: { type: 'boolean' },
  Float: { type: 'number' },
  Int: { type: 'integer', format: 'int32', ...INT32 },
  DateTime: { type: 'string', format: 'date-time' },
  Upload: { type: 'string', format: 'binary' },
};

/** The schema of a leaf; of a scalar that is not known here, any value. */
export function schemaOfLeaf(type: GraphQLScalarType | GraphQLEnumType): JsonSchema {
  if (!isEnumType(type)) return SCALARS[type.name] ?? {};
  return { type: 'string', enum: type.getValues().map(({ name }) => name) };
}

/** The same, or null. */
export function orNull(schema: JsonSchema): JsonSchema {
  if (schema.type === undefined) return schema;
  return { ...schema, type: [schema.type, 'null'].flat(), ...(schema.enum && { enum: [...schema.enum, null] }) };
}

/** What a client may send for an input type. Members that are not known are refused. */
export function schemaOfInput(type: GraphQLInputType): JsonSchema {
  return isNonNullType(type) ? ofNullable(type.ofType) : orNull(ofNullable(type));
}

export interface InputMember {
  readonly type: GraphQLInputType;
  readonly description?: string | null | undefined;
  readonly defaultValue?: unknown;
}

/** An object of such members. */
export function schemaOfMembers(members: Readonly<Record<string, InputMember>>): JsonSchema {
  const entries = Object.entries(members);
  const required = entries.filter(([, member]) => isNonNullType(member.type) && member.defaultValue === undefined);
  return {
    type: 'object',
    properties: Object.fromEntries(
      entries.map(([name, { type, description, defaultValue }]) => [
        name,
        {
          ...schemaOfInput(type),
          ...(description && { description }),
          ...(defaultValue !== undefined && { default: defaultValue }),
        },
      ]),
    ),
    ...(required.length > 0 && { required: required.map(([name]) => name) }),
    additionalProperties: false,
  };
}

function ofNullable(type: GraphQLInputType): JsonSchema {
  if (isNonNullType(type)) return schemaOfInput(type);
  if (isListType(type)) return { type: 'array', items: schemaOfInput(type.ofType) };
  if (isInputObjectType(type)) return schemaOfMembers(type.getFields());
  return schemaOfLeaf(type);
}
