import { type GraphQLEnumType, isEnumType, isSpecifiedScalarType, type GraphQLLeafType } from 'graphql';
import { writeString } from '../../request/write-string.js';

/** Writes a leaf value as JSON; null when it is no value of its type (GraphQL specification, "Result Coercion"). */
type LeafWriter = (value: unknown) => string | null;

const MAX_INT = 2 ** 31 - 1;
const MIN_INT = -(2 ** 31);
const SCALARS: Readonly<Record<string, LeafWriter>> = {
  String: (value) => (typeof value === 'string' ? writeString(value) : null),
  // An ID is serialized as a string, whatever the subgraph has for it.
  ID: (value) =>
    typeof value === 'string' ? writeString(value) : Number.isSafeInteger(value) ? `"${value as number}"` : null,
  Int: (value) =>
    Number.isInteger(value) && (value as number) <= MAX_INT && (value as number) >= MIN_INT ? String(value) : null,
  Float: (value) => (typeof value === 'number' && Number.isFinite(value) ? String(value) : null),
  Boolean: (value) => (value === true ? 'true' : value === false ? 'false' : null),
};

/** Custom scalars pass as they are: only their subgraph knows them. A number beyond those of JavaScript is none that can pass. */
const writeAnything: LeafWriter = (value) => {
  if (typeof value === 'number' && !Number.isFinite(value)) return null;
  try {
    return JSON.stringify(value);
  } catch (error) {
    // Nested so deep that it was read but cannot be written.
    if (error instanceof RangeError) return null;
    throw error;
  }
};

/** Where it is known that no string needs an escape, they are not looked at. */
const PLAIN_TEXTS: Readonly<Record<string, LeafWriter>> = {
  String: (value) => (typeof value === 'string' ? `"${value}"` : null),
  ID: (value) =>
    typeof value === 'string' ? `"${value}"` : Number.isSafeInteger(value) ? `"${value as number}"` : null,
};

/** The writer for values that are known to need no escapes. */
export function plainLeafWriter(type: GraphQLLeafType): LeafWriter {
  return (isSpecifiedScalarType(type) ? PLAIN_TEXTS[type.name] : undefined) ?? leafWriter(type);
}

export function leafWriter(type: GraphQLLeafType): LeafWriter {
  if (isEnumType(type)) return enumWriter(type);
  return (isSpecifiedScalarType(type) ? SCALARS[type.name] : undefined) ?? writeAnything;
}

/** A value that the API schema does not have, because it is inaccessible, is none. */
function enumWriter(type: GraphQLEnumType): LeafWriter {
  const texts = new Map(type.getValues().map(({ name }) => [name, `"${name}"`]));
  return (value) => (typeof value === 'string' ? (texts.get(value) ?? null) : null);
}

/** Tells the values of a type that are written as they are between quotation marks, where no string needs an escape; null where there are none. */
export function stringTest(type: GraphQLLeafType): ((value: unknown) => boolean) | null {
  if (isEnumType(type)) {
    const names = new Set<unknown>(type.getValues().map(({ name }) => name));
    return (value) => names.has(value);
  }
  return type.name === 'String' || type.name === 'ID' ? isText : null;
}

const isText = (value: unknown) => typeof value === 'string';
