import {
  getNamedType,
  getNullableType,
  isEnumType,
  isInputObjectType,
  type GraphQLEnumType,
  type GraphQLInputType,
} from 'graphql';
import { schemaOfInput, type JsonSchema } from './json-schema.js';
import { Problem, type FieldError } from './problem.js';
import type { QueryParameter } from './routes.js';
import { createValidate } from './validate.js';

/** Where values go in the variables of an operation. */
export type Places = ReadonlyArray<readonly [place: string, value: unknown]>;

export interface CompiledQuery {
  readonly parameters: ReadonlyArray<{
    readonly name: string;
    readonly description: string;
    readonly schema: JsonSchema;
  }>;
  /** Reads what stands behind the `?` of a URL. @throws Problem */
  read(text: string): Places;
}

interface CompiledParameter {
  readonly schema: JsonSchema;
  readonly toValue: (given: unknown) => unknown;
}

export function compileQuery(
  query: Readonly<Record<string, QueryParameter>>,
  typeAt: (place: string) => GraphQLInputType,
): CompiledQuery {
  const compiled = Object.entries(query).map(([name, parameter]) => ({
    name,
    ...parameter,
    ...compileParameter(parameter, typeAt(parameter.place)),
  }));
  const validate = createValidate(
    {
      type: 'object',
      properties: Object.fromEntries(compiled.map(({ name, schema }) => [name, schema])),
      additionalProperties: false,
    },
    'query',
  );
  return {
    parameters: compiled,
    read(text) {
      const given = new URLSearchParams(text);
      // Any name may come, `__proto__` too.
      const values = Object.create(null) as Record<string, unknown>;
      const errors: FieldError[] = findMangled(text);
      for (const name of new Set(given.keys())) {
        const each = given.getAll(name);
        const known = compiled.find((parameter) => parameter.name === name);
        if (known?.schema.type === 'array') values[name] = each;
        else if (each.length > 1)
          errors.push({ in: 'query', at: name.slice(0, 100), detail: 'is given more than once' });
        else values[name] = known?.schema.type === 'integer' ? toNumber(each[0] ?? '') : each[0];
      }
      errors.push(...validate(values, true));
      if (errors.length > 0) throw invalid('The query string is not as this route takes it.', errors);
      return compiled.flatMap(({ name, place, default: fallback, toValue }) => {
        const value = Object.hasOwn(values, name) ? values[name] : fallback;
        return value === undefined ? [] : [[place, toValue(value)] as const];
      });
    },
  };
}

/** Parameters that are no UTF-8: by the rules of URLs they would be read as other text than was meant, and searched for as that. */
function findMangled(text: string): FieldError[] {
  if (!text.includes('%')) return [];
  return text.split('&').flatMap((part) => {
    try {
      decodeURIComponent(part);
      return [];
    } catch {
      const [name = ''] = new URLSearchParams(part).keys();
      return [{ in: 'query', at: name.slice(0, 100), detail: 'is no UTF-8, percent-encoded' }] as const;
    }
  });
}

export function invalid(detail: string, errors: readonly FieldError[]): Problem {
  return new Problem(400, 'BAD_USER_INPUT', detail, { errors });
}

function compileParameter(
  { inSmallLetters, none, range, default: fallback }: QueryParameter,
  given: GraphQLInputType,
): CompiledParameter {
  const type = getNullableType(given);
  if (isInputObjectType(type)) return compileSort(type.getFields()['field']?.type as GraphQLInputType);
  const named = getNamedType(type);
  if (inSmallLetters && isEnumType(named))
    return {
      schema: {
        type: 'string',
        enum: valuesOf(named).map((value) => value.toLowerCase()),
        ...(fallback !== undefined && { default: fallback }),
      },
      toValue: (value) => String(value).toUpperCase(),
    };
  return {
    schema: { ...withoutNull(schemaOfInput(given)), ...(range && { minimum: range[0], maximum: range[1] }) },
    toValue: (value) => (none !== undefined && value === none ? null : value),
  };
}

/** `createdAt` and `-createdAt` for the field `CREATED_AT` of an order. */
function compileSort(fields: GraphQLInputType): CompiledParameter {
  const names = new Map(
    valuesOf(getNamedType(fields) as GraphQLEnumType).map((field) => [
      field.toLowerCase().replace(/_(.)/g, (_all, letter: string) => letter.toUpperCase()),
      field,
    ]),
  );
  return {
    schema: { type: 'string', enum: [...names.keys()].flatMap((name) => [name, `-${name}`]) },
    toValue(value) {
      const text = String(value);
      return { field: names.get(text.replace('-', '')), direction: text.startsWith('-') ? 'DESC' : 'ASC' };
    },
  };
}

/** A parameter is there or not; none is null. */
function withoutNull(schema: JsonSchema): JsonSchema {
  if (!Array.isArray(schema.type)) return schema;
  const [type = 'string'] = schema.type as readonly string[];
  return { ...schema, type, ...(schema.enum && { enum: schema.enum.filter((value) => value !== null) }) };
}

function valuesOf(type: GraphQLEnumType): string[] {
  return type.getValues().map(({ name }) => name);
}

/** What is no number stays as it is, for the schema to refuse. */
function toNumber(text: string): unknown {
  return /^-?\d{1,15}$/.test(text) ? Number(text) : text;
}
