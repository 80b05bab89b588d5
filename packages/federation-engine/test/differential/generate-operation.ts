import {
  getNamedType,
  isAbstractType,
  isCompositeType,
  isInterfaceType,
  isNonNullType,
  isObjectType,
  OverlappingFieldsCanBeMergedRule,
  parse,
  validate,
  type GraphQLCompositeType,
  type GraphQLField,
  type GraphQLSchema,
} from 'graphql';
import { createRandom, type Random } from './random.js';

export interface GeneratedOperation {
  readonly query: string;
  readonly variables: Record<string, unknown>;
}

const MAX_DEPTH = 4;
const ATTEMPTS = 20;
const COLORS = ['RED', 'GREEN', 'BLUE'];
const SIZES = ['BIG', 'SMALL'];

/**
 * Generates a valid operation on a schema: fields, aliases, arguments, variables, fragments of all kinds, conditions.
 *
 * @param sharesNames lets one response name stand for several calls, below types that exclude each other
 */
export function generateOperation(
  schema: GraphQLSchema,
  seed: number,
  { sharesNames = false }: { sharesNames?: boolean } = {},
): GeneratedOperation {
  const random = createRandom(seed);
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const operation = new Writer(schema, random, sharesNames).operation();
    // Response names that conflict are the one thing that the writer does not rule out. The engine refuses all else by itself.
    if (validate(schema, parse(operation.query), [OverlappingFieldsCanBeMergedRule]).length === 0) return operation;
  }
  return { query: '{ __typename }', variables: {} };
}

class Writer {
  readonly #schema: GraphQLSchema;
  readonly #random: Random;
  readonly #sharesNames: boolean;
  readonly #fragments: string[] = [];
  readonly #declared = new Map<string, string>();
  readonly #variables: Record<string, unknown> = {};
  #count = 0;

  constructor(schema: GraphQLSchema, random: Random, sharesNames: boolean) {
    this.#schema = schema;
    this.#random = random;
    this.#sharesNames = sharesNames;
  }

  operation(): GeneratedOperation {
    const query = this.#schema.getQueryType();
    if (!query) throw new Error('the schema has no queries');
    const body = this.#selections(query, 0);
    const declared = [...this.#declared].map(([name, type]) => `$${name}: ${type}`).join(', ');
    const head = declared === '' ? 'query Generated' : `query Generated(${declared})`;
    return { query: [`${head} ${body}`, ...this.#fragments].join('\n'), variables: this.#variables };
  }

  #selections(type: GraphQLCompositeType, depth: number): string {
    const parts: string[] = [];
    const fields = isObjectType(type) || isInterfaceType(type) ? Object.values(type.getFields()) : [];
    const isRoot = depth === 0;
    for (const field of this.#random.some(fields, isRoot ? 0.12 : depth < 2 ? 0.4 : 0.25))
      parts.push(this.#field(field, depth));
    if (this.#random.chance(0.2))
      parts.push(this.#random.chance(0.7) ? '__typename' : `${this.#name('t')}: __typename`);
    // The same field again, so that selections have to be merged.
    if (fields.length > 0 && this.#random.chance(0.2)) parts.push(this.#field(this.#random.pick(fields), depth));
    if (depth < MAX_DEPTH) {
      if (isAbstractType(type)) {
        for (const member of this.#random.some(this.#schema.getPossibleTypes(type), 0.45))
          parts.push(this.#fragment(member, depth));
      } else if (this.#random.chance(0.15)) {
        parts.push(this.#fragment(type, depth));
      }
      if (isObjectType(type) && type.getInterfaces().length > 0 && this.#random.chance(0.1))
        parts.push(this.#fragment(this.#random.pick(type.getInterfaces()), depth));
    }
    if (parts.length === 0)
      parts.push(fields.length > 0 && isRoot ? this.#field(this.#random.pick(fields), depth) : '__typename');
    return `{ ${parts.join(' ')} }`;
  }

  #field(field: GraphQLField<unknown, unknown>, depth: number): string {
    const type = getNamedType(field.type);
    const isComposite = isCompositeType(type);
    if (isComposite && depth >= MAX_DEPTH) return '__typename';
    const text = this.#arguments(field);
    // Arguments differ, so such a field gets a name of its own.
    const alias =
      text !== '' || this.#random.chance(this.#sharesNames ? 0.5 : 0.15) ? `${this.#alias(String(field.type))}: ` : '';
    const selections = isComposite ? ` ${this.#selections(type, depth + 1)}` : '';
    return `${alias}${field.name}${text}${this.#condition()}${selections}`;
  }

  #arguments(field: GraphQLField<unknown, unknown>): string {
    const parts: string[] = [];
    for (const { name, type } of field.args) {
      if (!isNonNullType(type) && this.#random.chance(0.5)) continue;
      const value = this.#value(getNamedType(type).name, field.name);
      if (this.#random.chance(0.5)) {
        const variable = this.#name('v');
        const hasDefault = !isNonNullType(type) && this.#random.chance(0.3);
        this.#declared.set(variable, hasDefault ? `${String(type)} = ${literal(value)}` : String(type));
        if (!hasDefault || this.#random.chance(0.5))
          this.#variables[variable] = !isNonNullType(type) && this.#random.chance(0.1) ? null : value;
        parts.push(`${name}: $${variable}`);
      } else {
        parts.push(`${name}: ${literal(value)}`);
      }
    }
    return parts.length === 0 ? '' : `(${parts.join(', ')})`;
  }

  #value(type: string, fieldName: string): unknown {
    switch (type) {
      case 'Int':
        return 1 + this.#random.below(3);
      case 'ID':
        return this.#id(fieldName);
      case 'Color':
        return this.#random.pick(COLORS);
      case 'Size':
        return this.#random.pick(SIZES);
      case 'Filter':
        return {
          ...(this.#random.chance(0.5) && { colors: this.#random.some(COLORS, 0.5) }),
          ...(this.#random.chance(0.5) && { min: this.#random.below(3) }),
          ...(this.#random.chance(0.2) && { inner: { min: 1 } }),
        };
      default:
        return `tag${this.#random.below(2)}`;
    }
  }

  #id(fieldName: string): string {
    return `${fieldName.replace(/^one/, '')}-${this.#random.below(5)}`;
  }

  #fragment(type: GraphQLCompositeType, depth: number): string {
    const selections = this.#selections(type, depth + 1);
    if (this.#random.chance(0.3)) {
      const name = this.#name('F');
      this.#fragments.push(`fragment ${name} on ${type.name} ${selections}`);
      return `...${name}${this.#condition()}`;
    }
    return `... on ${type.name}${this.#condition()} ${selections}`;
  }

  #condition(): string {
    if (!this.#random.chance(0.08)) return '';
    const directive = this.#random.chance(0.5) ? 'skip' : 'include';
    if (this.#random.chance(0.3)) return ` @${directive}(if: ${String(this.#random.chance(0.5))})`;
    const name = `c${this.#random.below(3)}`;
    if (!this.#declared.has(name)) {
      const hasDefault = this.#random.chance(0.3);
      this.#declared.set(name, hasDefault ? `Boolean = ${String(this.#random.chance(0.5))}` : 'Boolean!');
      if (!hasDefault || this.#random.chance(0.5)) this.#variables[name] = this.#random.chance(0.5);
    }
    return ` @${directive}(if: $${name})`;
  }

  /** Fields of one type have the same few names, where names are shared. */
  #alias(type: string): string {
    if (!this.#sharesNames || this.#random.chance(0.15)) return this.#name('a');
    return `x${this.#random.below(2)}_${type.replace(/\W/g, '_')}`;
  }

  #name(prefix: string): string {
    this.#count += 1;
    return `${prefix}${this.#count}`;
  }
}

/** A value as it stands in a document: names of enum values and of members without quotes. */
function literal(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`;
  if (typeof value === 'object' && value !== null)
    return `{${Object.entries(value)
      .map(([name, inner]) => `${name}: ${literal(inner)}`)
      .join(', ')}}`;
  return typeof value === 'string' && (COLORS.includes(value) || SIZES.includes(value)) ? value : JSON.stringify(value);
}
