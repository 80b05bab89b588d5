import { MapperKind, mapSchema } from '@graphql-tools/utils';
import {
  getNamedType,
  isInputObjectType,
  type GraphQLFieldResolver,
  type GraphQLInputType,
  type GraphQLSchema,
} from 'graphql';
import { badUserInput } from './app-error.js';

/** What UTF-8 and PostgreSQL cannot hold: halves of surrogate pairs, and NUL. */
const UNSTORABLE = /[\u0000\p{Surrogate}]/u;
/** Letters, digits, punctuation and symbols, less those that are drawn as nothing (Unicode, Default_Ignorable_Code_Point; blank of Braille). */
const VISIBLE = /(?![\p{Default_Ignorable_Code_Point}\u2800])[\p{L}\p{N}\p{P}\p{S}]/u;

/** Whether a text can be stored, and comes back as it was. */
export function isStorable(text: string): boolean {
  return !UNSTORABLE.test(text);
}

/** Whether somebody who reads a text sees anything: not of spaces, zero-width and direction marks, or accents of no letter alone. */
export function isVisible(text: string): boolean {
  return VISIBLE.test(text);
}

/**
 * The one form of texts that people take for the same (Unicode Annex 15, NFC), without white space around: in which they are
 * stored, compared and looked for.
 */
export function canonicalText(text: string): string {
  return text.normalize('NFC').trim();
}

/**
 * Refuses text that cannot be stored as it is, in whatever argument of whatever field, input objects and lists included: PostgreSQL
 * would end the request with an error of its own, or keep something else. An answer that is asked for beside it is given.
 */
export function refuseUnstorableText(schema: GraphQLSchema): GraphQLSchema {
  return mapSchema(schema, {
    [MapperKind.OBJECT_FIELD]: (field) => {
      const { resolve, subscribe } = field;
      const names = Object.entries(field.args ?? {}).flatMap(([name, { type }]) => (holdsText(type) ? [name] : []));
      if (names.length === 0) return field;
      const guarded = (inner: GraphQLFieldResolver<unknown, unknown>): GraphQLFieldResolver<unknown, unknown> =>
        function guard(source, args: Readonly<Record<string, unknown>>, context, info) {
          for (const name of names) assertStorable(args[name], name);
          return inner(source, args, context, info);
        };
      return {
        ...field,
        ...(resolve && { resolve: guarded(resolve) }),
        ...(subscribe && { subscribe: guarded(subscribe) }),
      };
    },
  });
}

function holdsText(type: GraphQLInputType, seen = new Set<string>()): boolean {
  const named = getNamedType(type);
  if (named.name === 'String' || named.name === 'ID') return true;
  if (!isInputObjectType(named) || seen.has(named.name)) return false;
  seen.add(named.name);
  return Object.values(named.getFields()).some((field) => holdsText(field.type, seen));
}

/** @throws AppError BAD_USER_INPUT that names the place */
function assertStorable(value: unknown, place: string): void {
  if (typeof value === 'string') {
    if (!isStorable(value))
      throw badUserInput(`\`${place}\` is no text: it has a NUL, or half of a surrogate pair.`, 'INVALID_TEXT');
  } else if (Array.isArray(value)) value.forEach((item, index) => assertStorable(item, `${place}[${index}]`));
  else if (typeof value === 'object' && value !== null && !(value instanceof Date))
    for (const [name, member] of Object.entries(value)) assertStorable(member, `${place}.${name}`);
}
