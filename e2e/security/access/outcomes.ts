import type { GraphQLBody, GraphQLErrorBody } from '@taskgraph/testkit';
import { ACTORS, type Actor } from '../../../scripts/access-rules.mjs';

type Body = GraphQLBody<Record<string, unknown>>;
type Path = ReadonlyArray<string | number>;

/** Who never got to a field because he never got its object. */
export const NOT_REACHED = '—';
/** The more of it somebody has seen, the later. */
const RANKS = ['null', 'empty', 'value'];

/** What a client gets in one place of an answer: a value, nothing, the code of an error, or a problem by its name. */
export function outcomeAt({ data, errors = [] }: Body, path: Path): string {
  let value: unknown = data;
  for (const step of path) {
    if (value === null || value === undefined) break;
    value = (value as Record<string | number, unknown>)[step];
  }
  if (value === null || value === undefined) {
    const error = errors.find((candidate) => isAbout(candidate, path)) ?? (data == null ? errors[0] : undefined);
    return error ? (error.extensions?.code ?? 'NO CODE') : 'null';
  }
  if (Array.isArray(value))
    return value.length === 0 ? 'empty' : value.every((item) => item === null) ? 'null' : 'value';
  if (value === 0 && String(path.at(-1)).endsWith('totalCount')) return 'empty';
  const typename = (value as { __typename?: unknown }).__typename;
  return typeof typename === 'string' && typename.endsWith('Problem') ? typename : 'value';
}

function isAbout({ path = [] }: GraphQLErrorBody, place: Path): boolean {
  const shorter = Math.min(path.length, place.length);
  return path.slice(0, shorter).every((step, index) => step === place[index]);
}

/** What everybody has been seen to get of the fields of types. */
export interface Observations {
  /** Looks at every object that lies in a place of an answer, and at each of its fields that was asked for. */
  see(actor: Actor, body: Body, path: Path, ofInterest: (object: Record<string, unknown>) => boolean): void;
  outcomesOf(coordinate: string): Readonly<Record<Actor, string>>;
  has(type: string): boolean;
}

export function createObservations(): Observations {
  const seen = new Map<string, Map<Actor, string>>();
  const types = new Set<string>();
  const note = (coordinate: string, actor: Actor, outcome: string) => {
    const before = seen.get(coordinate) ?? new Map<Actor, string>();
    seen.set(coordinate, before);
    const known = before.get(actor);
    if (known === undefined || RANKS.indexOf(outcome) > RANKS.indexOf(known)) before.set(actor, outcome);
  };
  function see(actor: Actor, body: Body, path: Path, ofInterest: (object: Record<string, unknown>) => boolean): void {
    for (const [place, object] of objectsAt(body.data, path)) {
      if (!ofInterest(object)) continue;
      for (const alias of Object.keys(object)) {
        const [type = '', field] = alias.split('__');
        if (type === '' || field === undefined) continue;
        types.add(type);
        note(`${type}.${field}`, actor, outcomeAt(body, [...place, alias]));
        // Of what only this leads to, fields are asked for here.
        if (typeof object[alias] === 'object') see(actor, body, [...place, alias], ofInterest);
      }
    }
  }
  return {
    see,
    outcomesOf: (coordinate) =>
      Object.fromEntries(ACTORS.map((actor) => [actor, seen.get(coordinate)?.get(actor) ?? NOT_REACHED])) as Record<
        Actor,
        string
      >,
    has: (type) => types.has(type),
  };
}

/** Every object behind a path of names, through lists, with its whole path. */
function* objectsAt(value: unknown, path: Path, place: Path = []): Generator<[Path, Record<string, unknown>]> {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield* objectsAt(item, path, [...place, index]);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  const [step, ...rest] = path;
  if (step === undefined) yield [place, value as Record<string, unknown>];
  else yield* objectsAt((value as Record<string, unknown>)[step], rest, [...place, step]);
}
