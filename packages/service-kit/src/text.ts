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

/** What ends a line or is none of its text, and embeddings and overrides of direction, which turn round what is drawn. */
const NOT_OF_ONE_LINE = /[\p{Cc}\p{Zl}\p{Zp}\u202A-\u202E]/u;
const ISOLATES = /[\u2066-\u2069]/g;
const END_OF_ISOLATE = '\u2069';

/** What a name that a program gives itself does without: controls, ends of lines, marks of direction, halves of surrogate pairs. */
const NOT_OF_A_NAME = /[\p{Cc}\p{Zl}\p{Zp}\p{Surrogate}\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/gu;

/** Whether a text has more characters: Unicode code points, as PostgreSQL and JSON Schema count them. None of them has more than two units. */
export function isLongerThan(text: string, maxCharacters: number): boolean {
  return text.length > maxCharacters && (text.length > 2 * maxCharacters || [...text].length > maxCharacters);
}

/** The first characters of a text, of which none is cut in half. */
export function firstCharacters(text: string, max: number): string {
  return isLongerThan(text, max) ? [...text.slice(0, 2 * max)].slice(0, max).join('') : text;
}

/**
 * What is kept of the name that a program gives itself: what can be stored and shown in a line beside anything, and not more characters
 * than that. Null where nothing is left. Of a name that is kept already, it is that name.
 */
export function toProgramName(text: string, maxCharacters: number): string | null {
  return firstCharacters(text.replace(NOT_OF_A_NAME, '').trim(), maxCharacters).trim() || null;
}

/** Whether a text can be stored, and comes back as it was. */
export function isStorable(text: string): boolean {
  return !UNSTORABLE.test(text);
}

/** Whether somebody who reads a text sees anything: not of spaces, zero-width and direction marks, or accents of no letter alone. */
export function isVisible(text: string): boolean {
  return VISIBLE.test(text);
}

/**
 * Whether a text is one line that leaves alone what stands beside it, wherever it is shown: a name that breaks a line forges the next, and one
 * that turns the direction round makes `gpj.exe` of what is read after it. Letters of every script run in their own direction without; what has
 * to stand apart in a line is isolated (Unicode Annex 9, section 2), and an isolate that ends within the text does no harm.
 */
export function isOneLine(text: string): boolean {
  if (NOT_OF_ONE_LINE.test(text)) return false;
  let open = 0;
  for (const [mark] of text.matchAll(ISOLATES)) {
    open += mark === END_OF_ISOLATE ? -1 : 1;
    if (open < 0) return false;
  }
  return open === 0;
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
