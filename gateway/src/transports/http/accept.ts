import type { PartsFormat } from '@taskgraph/federation-engine/internal/execute/render-parts.js';

/** What a client reads (GraphQL over HTTP, "Accept"). */
export interface Accepted {
  /** `application/graphql-response+json`, with HTTP statuses that tell of the operation; else `application/json`. */
  readonly type: 'application/graphql-response+json; charset=utf-8' | 'application/json; charset=utf-8';
  readonly readsStatus: boolean;
  /** How it reads what `@defer` puts off; null where it would rather have all at once. */
  readonly incremental: PartsFormat | null;
  /** Reads no single JSON, so an answer that is whole comes in one part. */
  readonly partsOnly: boolean;
  /** How it reads the events of a subscription; null for not at all. */
  readonly stream: 'multipart' | 'sse' | null;
  /** Reads nothing but a stream of events, so every answer is one (GraphQL over Server-Sent Events). */
  readonly eventsOnly: boolean;
}

type Body = Pick<Accepted, 'type' | 'readsStatus'>;

const MODERN: Body = { type: 'application/graphql-response+json; charset=utf-8', readsStatus: true };
const LEGACY: Body = { type: 'application/json; charset=utf-8', readsStatus: false };

/** The few headers that clients really send are read once. */
const known = new Map<string, Accepted | null>();
const MAX_KNOWN = 1_000;
const MAX_KNOWN_LENGTH = 1_000;

/** Reads an Accept header; null when nothing that it names is served. Without one, JSON is the answer. */
export function readAccept(header: string | undefined): Accepted | null {
  const text = header ?? '';
  let accepted = known.get(text);
  if (accepted === undefined) {
    accepted = negotiate(text);
    if (known.size >= MAX_KNOWN) known.clear();
    if (text.length <= MAX_KNOWN_LENGTH) known.set(text, accepted);
  }
  return accepted;
}

function negotiate(header: string): Accepted | null {
  if (header.trim() === '') return { ...LEGACY, incremental: null, partsOnly: false, stream: null, eventsOnly: false };
  const ranges = readRanges(header);
  const modern = preferenceOf(ranges, 'application/graphql-response+json');
  const legacy = preferenceOf(ranges, 'application/json');
  const json = Math.max(modern.quality, legacy.quality);
  // Forms that a client has to know of are sent only to clients that name them.
  const named = (type: string, parameter?: [string, string]) => {
    const { quality, precision } = preferenceOf(ranges, type, parameter);
    return precision === EXACT ? quality : 0;
  };
  const newer = named('multipart/mixed', ['incrementalspec', 'v0.2']);
  const older = named('multipart/mixed', ['deferspec', '20220824']);
  const parts = Math.max(newer, older);
  const format = newer >= older ? 'incrementalSpec=v0.2' : 'deferSpec=20220824';
  const incremental = parts > 0 && parts >= json ? format : null;
  const events = named('text/event-stream');
  const isMultipartStream = named('multipart/mixed', ['subscriptionspec', '1.0']) > 0;
  const stream = isMultipartStream ? 'multipart' : events > 0 ? 'sse' : null;
  if (json === 0 && !incremental && !stream) return null;

  // A client that names both types alike is given the one that says more; a wildcard is no sign that it is known.
  const isModern = modern.quality > 0 && (modern.precision === EXACT ? modern.quality === json : legacy.quality === 0);
  return {
    ...(isModern ? MODERN : LEGACY),
    incremental,
    partsOnly: json === 0 && incremental !== null,
    stream,
    eventsOnly: events > json && !isMultipartStream && !incremental,
  };
}

interface Range {
  readonly type: string;
  readonly quality: number;
  readonly parameters: ReadonlyMap<string, string>;
}

interface Preference {
  readonly quality: number;
  /** Of the range that decides: 0 for all types, 1 for all of a kind, {@link EXACT} for one that names it. */
  readonly precision: number;
}

const EXACT = 2;
const NONE: Preference = { quality: 0, precision: -1 };

/**
 * How much a type is wanted: the range that is most exact about it decides (RFC 9110, 12.5.1). Of parameters only the one
 * that names a version counts; JSON is JSON whatever a client says of its `charset`.
 */
function preferenceOf(ranges: readonly Range[], type: string, parameter?: [string, string]): Preference {
  const kind = `${type.slice(0, type.indexOf('/'))}/*`;
  let best = NONE;
  for (const range of ranges) {
    const precision = range.type === type ? EXACT : range.type === kind ? 1 : range.type === '*/*' ? 0 : -1;
    if (precision < 0 || (precision === EXACT && parameter && range.parameters.get(parameter[0]) !== parameter[1]))
      continue;
    const isBetter = precision > best.precision || (precision === best.precision && range.quality > best.quality);
    if (isBetter) best = { quality: range.quality, precision };
  }
  return best;
}

/** Commas and semicolons within quotes are none (RFC 9110, 5.6.4). */
const RANGE = /(?:[^,"]|"(?:[^"\\]|\\.)*")+/g;
const PARAMETER = /;\s*([^\s=;]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)/g;

function readRanges(header: string): Range[] {
  return (header.match(RANGE) ?? []).map((text) => {
    const parameters = new Map<string, string>();
    for (const [, name = '', value = ''] of text.matchAll(PARAMETER))
      parameters.set(name.toLowerCase(), value.trim().replace(/^"|"$/g, ''));
    const quality = Number(parameters.get('q') ?? 1);
    return {
      type: (text.split(';')[0] ?? '').trim().toLowerCase(),
      quality: Number.isNaN(quality) ? 0 : Math.min(1, Math.max(0, quality)),
      parameters,
    };
  });
}
