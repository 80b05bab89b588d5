import { parseJson } from '../parse-json.js';

/** The request is not as the GraphQL multipart request specification wants it. */
export class UnreadableMultipart extends Error {
  constructor(
    message: string,
    /** Of HTTP. */
    readonly status: 400 | 413 = 400,
  ) {
    super(message);
    this.name = 'UnreadableMultipart';
  }
}

/** Names of parts, and the places in `operations` that each stands for. */
export type UploadMap = ReadonlyMap<string, readonly string[]>;

/** Reads the field `operations`: one operation, or a batch of them. @throws UnreadableMultipart */
export function parseOperations(text: string): object {
  const operations = parseField('operations', text);
  if (typeof operations !== 'object' || operations === null)
    throw new UnreadableMultipart('The field "operations" has to be a JSON object or array.');
  return operations;
}

/** Reads the field `map`. @throws UnreadableMultipart */
export function parseMap(text: string, maxFiles: number): UploadMap {
  const map = parseField('map', text);
  if (typeof map !== 'object' || map === null || Array.isArray(map))
    throw new UnreadableMultipart('The field "map" has to be a JSON object.');
  const entries = Object.entries(map);
  if (entries.length > maxFiles) throw tooManyFiles(maxFiles);
  for (const [name, places] of entries)
    if (!Array.isArray(places) || !places.every((place) => typeof place === 'string'))
      throw new UnreadableMultipart(`The field "map" has to have a list of places for ${JSON.stringify(name)}.`);
  return new Map(entries as Array<[string, string[]]>);
}

export function notUtf8(what: string): UnreadableMultipart {
  return new UnreadableMultipart(`${what} is not in UTF-8.`);
}

export function tooManyFiles(maxFiles: number): UnreadableMultipart {
  return new UnreadableMultipart(`A request has at most ${maxFiles} files.`, 413);
}

/**
 * Puts a value at a place such as `variables.files.0` or, in a batch, `1.variables.file`. What stands there has to be null, as the
 * specification says; where a place is missing at its last step, it is made.
 *
 * @throws UnreadableMultipart when there is no such place
 */
export function putAt(operations: object, place: string, value: object): void {
  const steps = place.split('.');
  const last = steps.pop() as string;
  let at: unknown = operations;
  for (const step of steps) at = isHolder(at) && Object.hasOwn(at, step) ? at[step] : undefined;
  const isVacant = isHolder(at) && (Object.hasOwn(at, last) ? at[last] === null : isNewPlace(at, last));
  if (!isVacant || last === '')
    throw new UnreadableMultipart(`The field "map" names the place ${JSON.stringify(place)}, at which no file can be.`);
  // An own member, whatever its name: assignment would set the prototype for one of them.
  Object.defineProperty(at, last, { value, enumerable: true, configurable: true, writable: true });
}

function isHolder(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isNewPlace(holder: object, name: string): boolean {
  return !Array.isArray(holder) || name === String(holder.length);
}

/**
 * Whether a part may be read more than once: it stands at several places, or its variable is used at several, or nobody can tell
 * since the text of the operation is not there (a persisted query).
 */
export function mayBeReadTwice(operations: object, places: readonly string[]): boolean {
  const [place, ...others] = places;
  if (place === undefined || others.length > 0) return others.length > 0;
  const steps = place.split('.');
  const operation = Array.isArray(operations) ? (operations as unknown[])[Number(steps.shift())] : operations;
  const [, variable = ''] = steps;
  const query = isHolder(operation) ? operation['query'] : undefined;
  if (typeof query !== 'string' || !/^[_A-Za-z][_0-9A-Za-z]*$/.test(variable)) return true;
  // Once where it is declared, once where it is used.
  return [...query.matchAll(new RegExp(`\\$\\s*${variable}(?![_0-9A-Za-z])`, 'g'))].length > 2;
}

function parseField(name: string, text: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    throw new UnreadableMultipart(`The field "${name}" has to be JSON: it is ${(error as Error).message}.`);
  }
}
