import { Upload } from 'graphql-upload-minimal';

/** Far more levels than a value that somebody means has, and far fewer than what writes JSON can go through. */
const MAX_LEVELS = 1_000;

/** Of a value, where JSON has no such thing. */
export interface JsonFault {
  readonly path: ReadonlyArray<string | number>;
  /** What it is. */
  readonly what: string;
  /** Whether it is a number all the same: types that take numbers have a word of their own for it. */
  readonly isNumber: boolean;
}

/**
 * Finds what JSON cannot carry to a subgraph: what it refuses, would leave out, or write as something else. Values that came as JSON have
 * nothing of it; those of a host may be of any kind. Files go by themselves. A number is told of where nothing else is found.
 */
export function findJsonFault(value: unknown): JsonFault | null {
  const walk: Walk = { around: new Set(), number: null };
  return find(value, [], walk) ?? walk.number;
}

interface Walk {
  /** What a value is in. */
  readonly around: Set<object>;
  number: JsonFault | null;
}

function find(value: unknown, path: Array<string | number>, walk: Walk): JsonFault | null {
  if (typeof value !== 'object' || value === null) {
    const what = nameOfScalar(value);
    if (what === null) return null;
    const isNumber = typeof value === 'number';
    const fault = { path: [...path], what, isNumber };
    if (!isNumber) return fault;
    walk.number ??= fault;
    return null;
  }
  const { around } = walk;
  if (value instanceof Upload) return null;
  if (around.has(value)) return { path: [...path], what: 'an object that contains itself', isNumber: false };
  if (path.length >= MAX_LEVELS)
    return { path: path.slice(0, 1), what: `nested more than ${MAX_LEVELS} levels deep`, isNumber: false };
  const what = nameOfObject(value);
  if (what !== null) return { path: [...path], what, isNumber: false };
  // It says itself what JSON has in its place.
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') return null;
  around.add(value);
  const fault = Array.isArray(value) ? findInList(value, path, walk) : findInObject(value, path, walk);
  around.delete(value);
  return fault;
}

function findInList(list: readonly unknown[], path: Array<string | number>, walk: Walk): JsonFault | null {
  for (let index = 0; index < list.length; index += 1) {
    const item = list[index];
    path.push(index);
    // In an object, it is not there.
    const fault = item === undefined ? { path: [...path], what: 'undefined', isNumber: false } : find(item, path, walk);
    path.pop();
    if (fault) return fault;
  }
  return null;
}

function findInObject(object: object, path: Array<string | number>, walk: Walk): JsonFault | null {
  for (const name of Object.keys(object)) {
    const member = (object as Readonly<Record<string, unknown>>)[name];
    if (typeof member === 'string') continue;
    path.push(name);
    const fault = find(member, path, walk);
    path.pop();
    if (fault) return fault;
  }
  return null;
}

function nameOfScalar(value: unknown): string | null {
  switch (typeof value) {
    case 'bigint':
      return 'a BigInt';
    case 'symbol':
      return 'a symbol';
    case 'function':
      return 'a function';
    case 'number':
      return Number.isFinite(value) ? null : String(value);
    default:
      return null;
  }
}

/** Of what JSON writes as `{}`, or with other members than people see; instances of classes have their own. */
function nameOfObject(value: object): string | null {
  if (value instanceof Date && Number.isNaN(value.getTime())) return 'an invalid Date';
  const tag = Object.prototype.toString.call(value).slice('[object '.length, -1);
  if (tag === 'Object' || tag === 'Array' || typeof (value as { toJSON?: unknown }).toJSON === 'function') return null;
  return `${/^[AEIO]/.test(tag) ? 'an' : 'a'} ${tag}`;
}
