/** What a client reads (GraphQL over HTTP, "Accept"). */
export interface Accepted {
  /** `application/graphql-response+json`, with HTTP statuses that tell of the operation; else `application/json`. */
  readonly type: 'application/graphql-response+json; charset=utf-8' | 'application/json; charset=utf-8';
  readonly readsStatus: boolean;
  /** Answers in parts, in the form of Apollo Client (`multipart/mixed; deferSpec=20220824`). */
  readonly incremental: boolean;
}

const RESPONSE_JSON = 'application/graphql-response+json';

const MODERN: Omit<Accepted, 'incremental'> = { type: `${RESPONSE_JSON}; charset=utf-8`, readsStatus: true };
const LEGACY: Omit<Accepted, 'incremental'> = { type: 'application/json; charset=utf-8', readsStatus: false };

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
  if (header.trim() === '') return { ...LEGACY, incremental: false };
  const ranges = header.split(',').map(readRange);
  const incremental = ranges.some(
    ({ type, parameters, quality }) =>
      type === 'multipart/mixed' && quality > 0 && parameters['deferspec'] === '20220824',
  );
  const qualityOf = (type: string) =>
    Math.max(0, ...ranges.filter((range) => range.type === type).map(({ quality }) => quality));
  const modern = qualityOf(RESPONSE_JSON);
  const legacy = Math.max(qualityOf('application/json'), qualityOf('application/*'), qualityOf('*/*'));
  if (modern > 0 && modern >= legacy) return { ...MODERN, incremental };
  if (legacy > 0 || incremental) return { ...LEGACY, incremental };
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
