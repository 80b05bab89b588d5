import { EVENT_SOURCES, type EventSource } from '@taskgraph/contracts';
import { ConfigError } from '../../config-error.js';
import { parseEventsArguments, USAGE, UsageError, type EventsCommand } from './arguments.js';
import { readEventsConfig, type EventsConfig } from './config.js';
import { openDatabaseLetters } from './database-dead-letters.js';
import { EventsError, type DeadLetterStore, type StoredLetter } from './dead-letter-store.js';
import { applyPubSubTopology, describePlace, openPubSubLetters } from './pubsub-letters.js';
import { formatLetters } from './table.js';

interface EventsCliOptions {
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Tells the URL of a database of the embedded PostgreSQL, null when none runs. */
  readonly findEmbedded: (database: string) => Promise<string | null>;
  readonly print: (line: string) => void;
  readonly printError: (line: string) => void;
  /** Asks somebody whether what destroys is meant. @throws Error when it is not, or nobody is there to be asked */
  readonly confirm: (what: string) => Promise<void>;
}

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
/** sysexits.h: EX_CONFIG. */
const EXIT_CONFIG = 78;

/** Runs `taskgraph events`. Returns the exit code. */
export async function runEventsCli(options: EventsCliOptions): Promise<number> {
  try {
    await run(parseEventsArguments(options.args), options);
    return 0;
  } catch (error) {
    if (error instanceof UsageError) {
      options.printError(`${error.message}\n\n${USAGE}`);
      return EXIT_USAGE;
    }
    if (error instanceof EventsError) {
      options.printError(`${error.code}: ${error.message}`);
      if (error.advice !== undefined) options.printError(`→ ${error.advice}`);
      if (error.code === 'NOT_CONFIGURED') return EXIT_CONFIG;
    } else if (error instanceof ConfigError) {
      options.printError(error.message);
      return EXIT_CONFIG;
    } else options.printError(error instanceof Error ? (error.stack ?? error.message) : String(error));
    return EXIT_FAILED;
  }
}

async function run(command: EventsCommand, options: EventsCliOptions): Promise<void> {
  if (command.kind === 'help') return options.print(USAGE);
  const config = readEventsConfig(options.env);
  if (command.kind === 'apply-topology') return applyTopology(config, command.json, options);
  const store = await openStore(config, options);
  try {
    switch (command.kind) {
      case 'list-dead':
        return await list(store, command.json, options);
      case 'replay':
        return await replay(store, command, options);
      case 'discard':
        return await discard(store, command, options);
    }
  } finally {
    await store.close();
  }
}

async function openStore(config: EventsConfig, { findEmbedded }: EventsCliOptions): Promise<DeadLetterStore> {
  const { projectId, emulatorHost } = config;
  if (projectId !== undefined) return openPubSubLetters({ projectId, emulatorHost });
  const urls = new Map<EventSource, string>();
  for (const source of EVENT_SOURCES) {
    const url = config.databaseUrls.get(source) ?? (await findEmbedded(source));
    if (url !== null) urls.set(source, url);
  }
  if (urls.size === 0)
    throw new EventsError(
      'NOT_CONFIGURED',
      'There is nothing to look into: no setting names Pub/Sub or a database, and no embedded system runs.',
      'Set PUBSUB_PROJECT_ID, or AUTH_DATABASE_URL, TASK_DATABASE_URL and MEDIA_DATABASE_URL, or start the system: npm start',
    );
  return openDatabaseLetters(urls);
}

async function list(store: DeadLetterStore, json: boolean, options: EventsCliOptions): Promise<void> {
  const { print } = options;
  const letters = await store.list();
  if (json) {
    const told = letters.map(({ id, event, group, error, attempts, diedAt }) => ({
      ...{ id, group, error, attempts, diedAt, event },
    }));
    return printJson(options, told);
  }
  if (letters.length === 0) return print(`There are no dead letters in ${store.place}.`);
  formatLetters(letters).forEach(print);
}

async function replay(
  store: DeadLetterStore,
  { id, json }: { readonly id: string; readonly json: boolean },
  options: EventsCliOptions,
): Promise<void> {
  const print = json ? () => undefined : options.print;
  const letters = await store.list();
  const chosen = id === 'all' ? letters.filter(({ event }) => event !== null) : letters.filter((one) => one.id === id);
  if (id === 'all' && letters.length === 0) print(`There are no dead letters in ${store.place}.`);
  if (id !== 'all' && chosen.length === 0) throw noSuchLetter(id, store);
  for (const letter of chosen) {
    await store.replay(letter);
    print(`Replayed ${letter.id} (${letter.event?.type}) for ${letter.group}.`);
  }
  const left = id === 'all' ? letters.length - chosen.length : 0;
  if (left > 0) print(`${left} left: what is no event cannot be replayed, only discarded.`);
  if (json) printJson(options, { replayed: chosen.map(toldOf), left });
}

async function discard(
  store: DeadLetterStore,
  { id, yes, json }: { readonly id: string; readonly yes: boolean; readonly json: boolean },
  options: EventsCliOptions,
): Promise<void> {
  const { print, confirm } = options;
  const chosen = (await store.list()).filter((letter) => letter.id === id);
  if (chosen.length === 0) throw noSuchLetter(id, store);
  if (!yes)
    await confirm(`Nobody can replay ${id} (${chosen[0]?.event?.type ?? 'no event'}) then.`).catch((cause: Error) => {
      throw new EventsError('NOT_CONFIRMED', cause.message, 'Add --yes if it is meant.', { cause });
    });
  for (const letter of chosen) {
    await store.discard(letter);
    if (!json) print(`Discarded ${letter.id} of ${letter.group}.`);
  }
  if (json) printJson(options, { discarded: chosen.map(toldOf) });
}

function toldOf({ id, group, event }: StoredLetter): { id: string; group: string; type: string | null } {
  return { id, group, type: event?.type ?? null };
}

function printJson({ print }: EventsCliOptions, answer: object): void {
  print(JSON.stringify(answer, null, 2));
}

function noSuchLetter(id: string, { place }: DeadLetterStore): EventsError {
  return new EventsError(
    'NO_SUCH_DEAD_LETTER',
    `There is no dead letter ${id} in ${place}.`,
    'npm run events -- list-dead',
  );
}

async function applyTopology(
  { projectId, emulatorHost }: EventsConfig,
  json: boolean,
  options: EventsCliOptions,
): Promise<void> {
  const { print } = options;
  if (projectId === undefined)
    throw new EventsError(
      'NOT_CONFIGURED',
      'PUBSUB_PROJECT_ID is not set: without Pub/Sub there are no topics.',
      'Set PUBSUB_PROJECT_ID, and PUBSUB_EMULATOR_HOST for the emulator.',
    );
  const place = { projectId, emulatorHost };
  const changes = await applyPubSubTopology(place);
  if (json) return printJson(options, { changes: changes.map(({ name, change }) => ({ name, change })) });
  for (const { name, change } of changes) print(`${change} ${name}`);
  print(changes.length === 0 ? `All is in order in ${describePlace(place)}.` : `Applied to ${describePlace(place)}.`);
}
