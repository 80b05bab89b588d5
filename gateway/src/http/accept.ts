/** What a client reads (GraphQL over HTTP, "Accept"). */
export interface Accepted {
  /** `application/graphql-response+json`, with HTTP statuses that tell of the operation; else `application/json`. */
  readonly type: 'application/graphql-response+json; charset=utf-8' | 'application/json; charset=utf-8';
  readonly readsStatus: boolean;
  /** Answers in parts, in the form of Apollo Client (`multipart/mixed; deferSpec=20220824`). */
  readonly incremental: boolean;
  /** How it reads the events of a subscription; null for not at all. */
  readonly stream: 'multipart' | 'sse' | null;
  /** Reads nothing but a stream of events, so every answer is one (GraphQL over Server-Sent Events). */
  readonly eventsOnly: boolean;
}

const RESPONSE_JSON = 'application/graphql-response+json';

type Body = Pick<Accepted, 'type' | 'readsStatus'>;

const MODERN: Body = { type: `${RESPONSE_JSON}; charset=utf-8`, readsStatus: true };
const LEGACY: Body = { type: 'application/json; charset=utf-8', readsStatus: false };

/** The few headers that clients really send are read once. */
const known = new Map<string, Accepted | null>();
const MAX_KNOWN = 1_000;

/** Reads an Accept header; null when nothing that it names is served. Without one, JSON is the answer. */
export function readAccept(header: string | undefined): Accepted | null {
  const text = header ?? '';
  let accepted = known.get(text);
  if (accepted === undefined) {
    accepted = negotiate(text);
    if (known.size >= MAX_KNOWN) known.clear();
    known.set(text, accepted);
  }
  return accepted;
}

function negotiate(header: string): Accepted | null {
  if (header.trim() === '') return { ...LEGACY, incremental: false, stream: null, eventsOnly: false };
  const ranges = header.split(',').map(readRange);
  const multipart = (parameter: string, value: string) =>
    ranges.some(
      ({ type, parameters, quality }) => type === 'multipart/mixed' && quality > 0 && parameters[parameter] === value,
    );
  const incremental = multipart('deferspec', '20220824');
  const qualityOf = (type: string) =>
    Math.max(0, ...ranges.filter((range) => range.type === type).map(({ quality }) => quality));
  const modern = qualityOf(RESPONSE_JSON);
  const legacy = Math.max(qualityOf('application/json'), qualityOf('application/*'), qualityOf('*/*'));
  const events = qualityOf('text/event-stream');
  const parts = multipart('subscriptionspec', '1.0');
  const stream = parts ? 'multipart' : events > 0 ? 'sse' : null;
  const eventsOnly = events > Math.max(modern, legacy) && !parts && !incremental;
  if (modern > 0 && modern >= legacy) return { ...MODERN, incremental, stream, eventsOnly };
  if (legacy > 0 || incremental || stream) return { ...LEGACY, incremental, stream, eventsOnly };
  return null;
}

interface Range {
  readonly type: string;
  readonly quality: number;
  readonly parameters: Readonly<Record<string, string>>;
}

function readRange(text: string): Range {
  const [type = '', ...rest] = text.split(';').map((part) => part.trim());
  const parameters = Object.fromEntries(
    rest.map((part) => {
      const at = part.indexOf('=');
      return [
        part.slice(0, at).trim().toLowerCase(),
        part
          .slice(at + 1)
          .trim()
          .replaceAll('"', ''),
      ];
    }),
  );
  const quality = parameters['q'] === undefined ? 1 : Number(parameters['q']);
  return { type: type.toLowerCase(), quality: Number.isFinite(quality) ? quality : 0, parameters };
}
