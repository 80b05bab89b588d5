import { z } from 'zod';
import { CheckError } from '../check-error.js';
import type { Report } from '../finding.js';
import type { RegistryStore } from './registry-store.js';
import { hashOf, seal } from './seal.js';

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const contentSchema = z.strictObject({
  /** From 1, without gaps. */
  sequence: z.number().int().positive(),
  /** The id of the version before; null of the first. */
  parent: hash.nullable(),
  supergraph: hash,
  subgraphs: z.array(z.strictObject({ name: z.string(), url: z.string(), sdl: hash })),
  publishedAt: z.string(),
  publishedBy: z.string(),
  /** What was checked out; null where there is no git. */
  commit: z.string().nullable(),
  /** Why it was published though its check fails. */
  forcedBecause: z.string().nullable(),
  /** The report of its check; null of a rollback. */
  report: hash.nullable(),
  /** The id of the version that this one goes back to. */
  restores: hash.nullable(),
});
const versionSchema = contentSchema.extend({ id: hash });

/** One version of the graph. Its id is the hash of all that is said of it, so nothing of it can be changed afterwards. */
export type Version = z.infer<typeof versionSchema>;

export interface Publication {
  readonly supergraphSdl: string;
  readonly subgraphs: ReadonlyArray<{ readonly name: string; readonly url: string; readonly sdl: string }>;
  readonly publishedAt: string;
  readonly publishedBy: string;
  readonly commit: string | null;
  readonly forcedBecause: string | null;
  readonly report: Report;
}

/** The file that the gateway follows. */
const CURRENT = 'supergraph.graphql';
const OBJECTS = 'objects';
const VERSIONS = 'versions';

export interface Registry {
  /** All versions, the newest first. @throws CheckError where one is not what it was */
  history(): Promise<Version[]>;
  /** By the first letters of its id, its number, or `current`. @throws CheckError where there is none, or several */
  find(name: string): Promise<Version>;
  /** @throws CheckError where it is gone, or not what it was */
  readSupergraph(version: Version): Promise<string>;
  /** Null where nothing has been published. */
  readCurrent(): Promise<{ readonly version: Version; readonly text: string } | null>;
  /**
   * Publishes a version after `expected`. One that says the same as the last is not published again.
   *
   * @throws CheckError where somebody else has published meanwhile
   */
  publish(
    publication: Publication,
    expected: Version | null,
  ): Promise<{ readonly version: Version; readonly isNew: boolean }>;
  /** Publishes an older version again. @throws CheckError where it is gone, or not what it was */
  rollback(target: Version, by: Pick<Publication, 'publishedAt' | 'publishedBy' | 'commit'>): Promise<Version>;
}

/**
 * Keeps versions of a graph: texts by their hash, and one record for each version, which names the one before. Two callers that publish
 * at once cannot both have the next number, so nobody's version is lost.
 */
export function createRegistry(store: RegistryStore): Registry {
  async function history(): Promise<Version[]> {
    const versions: Version[] = [];
    for (const name of (await store.list(VERSIONS)).filter((each) => each.endsWith('.json'))) {
      const version = readVersion((await store.read(`${VERSIONS}/${name}`)) ?? '', name);
      const before = versions.at(-1);
      if (version.sequence !== versions.length + 1 || version.parent !== (before?.id ?? null))
        throw new CheckError(`${store.location}: ${name} does not follow the version before it.`);
      versions.push(version);
    }
    return versions.reverse();
  }

  async function last(): Promise<Version | null> {
    return (await history())[0] ?? null;
  }

  async function keep(text: string): Promise<string> {
    const name = hashOf(text);
    if (!(await store.create(`${OBJECTS}/${name}`, text)) && (await store.read(`${OBJECTS}/${name}`)) !== text)
      await store.replace(`${OBJECTS}/${name}`, text);
    return name;
  }

  async function readObject(name: string): Promise<string> {
    const text = await store.read(`${OBJECTS}/${name}`);
    if (text === null) throw new CheckError(`${store.location} has no ${OBJECTS}/${name} any more.`);
    if (hashOf(text) !== name) throw new CheckError(`${store.location}: ${OBJECTS}/${name} is not what it was.`);
    return text;
  }

  /** Makes a version the one that gateways follow; of several at once, the last in the end. */
  async function serve(version: Version): Promise<void> {
    for (let next: Version = version; ;) {
      const text = seal(await readObject(next.supergraph));
      if ((await store.read(CURRENT)) !== text) await store.replace(CURRENT, text);
      const newest = await last();
      if (!newest || newest.sequence <= next.sequence) return;
      next = newest;
    }
  }

  async function append(content: z.infer<typeof contentSchema>): Promise<Version> {
    const version = { ...content, id: hashOf(JSON.stringify(content)) };
    const name = `${VERSIONS}/${String(content.sequence).padStart(6, '0')}.json`;
    if (!(await store.create(name, `${JSON.stringify(version, null, 2)}\n`)))
      throw new CheckError(
        `Somebody else has published version ${content.sequence} meanwhile: check again, and publish then.`,
      );
    await serve(version);
    return version;
  }

  return {
    history,
    async find(name) {
      const versions = await history();
      if (name === 'current' && versions[0]) return versions[0];
      const isNumber = /^\d{1,6}$/.test(name);
      const found = versions.filter(({ id, sequence }) =>
        isNumber ? String(sequence) === name : name.length >= 4 && id.startsWith(name),
      );
      const [version, another] = found;
      if (!version) throw new CheckError(`${store.location} has no version ${name}.`);
      if (another) throw new CheckError(`Several versions begin with ${name}: say more of the id.`);
      return version;
    },
    readSupergraph: ({ supergraph }) => readObject(supergraph),
    async readCurrent() {
      const version = await last();
      return version && { version, text: await readObject(version.supergraph) };
    },
    async publish({ supergraphSdl, subgraphs, report, ...about }, expected) {
      const newest = await last();
      if ((newest?.id ?? null) !== (expected?.id ?? null))
        throw new CheckError('Somebody else has published meanwhile: check again, and publish then.');
      const supergraph = await keep(supergraphSdl);
      const kept = await Promise.all(
        subgraphs.map(async ({ name, url, sdl }) => ({ name, url, sdl: await keep(sdl) })),
      );
      if (newest && newest.supergraph === supergraph && JSON.stringify(newest.subgraphs) === JSON.stringify(kept)) {
        // Its publisher may have been cut off before it was served.
        await serve(newest);
        return { version: newest, isNew: false };
      }
      const version = await append({
        sequence: (newest?.sequence ?? 0) + 1,
        parent: newest?.id ?? null,
        supergraph,
        subgraphs: kept,
        ...about,
        report: await keep(`${JSON.stringify(report, null, 2)}\n`),
        restores: null,
      });
      return { version, isNew: true };
    },
    async rollback(target, { publishedAt, publishedBy, commit }) {
      await readObject(target.supergraph);
      const newest = await last();
      return append({
        sequence: (newest?.sequence ?? 0) + 1,
        parent: newest?.id ?? null,
        supergraph: target.supergraph,
        subgraphs: target.subgraphs,
        publishedAt,
        publishedBy,
        commit,
        forcedBecause: null,
        report: null,
        restores: target.id,
      });
    },
  };
}

/** @throws CheckError where the record is not what it was */
function readVersion(text: string, name: string): Version {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = null;
  }
  const version = versionSchema.safeParse(value);
  if (!version.success) throw new CheckError(`The record ${name} of the registry cannot be read.`);
  const { id, ...content } = version.data;
  if (hashOf(JSON.stringify(content)) !== id)
    throw new CheckError(`The record ${name} of the registry is not what it was.`);
  return version.data;
}
