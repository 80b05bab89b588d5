import type { EngineHooks, EngineInside, EngineOptions } from './engine-options.js';
import type { DocumentLimits } from './compile/document/limits.js';
import type { Cache } from './subgraphs/caching/cache.js';
import type { Log } from './request/log.js';
import type { SubgraphsSettings } from './subgraphs/subgraphs.js';
import type { SupergraphFile } from './supergraph/open-source.js';

/** What timers can be set to; beyond it Node takes 1 ms. */
const LONGEST_MS = 2 ** 31 - 1;

/** @throws TypeError that names an option by its place, and says what it is */
type Check = (value: unknown, place: string) => void;
/** One for each member, so that none is taken unseen. */
type Checks<Options> = { readonly [Name in keyof Required<Options>]: Check };

function check(isRight: (value: unknown) => boolean, what: string): Check {
  return (value, place) => {
    if (!isRight(value)) throw new TypeError(`\`${place}\` is ${what}.`);
  };
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = check((value) => typeof value === 'string', 'a text');
const isBoolean = check((value) => typeof value === 'boolean', 'true or false');
const isMilliseconds = check(
  (value) => typeof value === 'number' && value >= 1 && value <= LONGEST_MS,
  `a number of milliseconds, from 1 to ${LONGEST_MS}`,
);
const isCount = check((value) => Number.isSafeInteger(value) && (value as number) >= 0, 'a whole number, from 0');
const isPositive = check((value) => Number.isSafeInteger(value) && (value as number) >= 1, 'a whole number, from 1');
const isFunction = check((value) => typeof value === 'function', 'a function');
const isAnObject = check(isObject, 'an object');

/** A function whose answer is used at once: a promise in its place would be taken for an answer. */
const isPrompt: Check = (value, place) => {
  isFunction(value, place);
  if (Object.prototype.toString.call(value) === '[object AsyncFunction]')
    throw new TypeError(`\`${place}\` is not waited for, so it cannot be \`async\`.`);
};

/** An object of which each member that is there is right, and no other is there. */
function isMade(checks: Readonly<Record<string, Check>>, what = 'an object'): Check {
  return (value, place) => {
    if (!isObject(value)) throw new TypeError(`\`${place}\` is ${what}.`);
    assertMembers(value, checks, `${place}.`);
  };
}

function assertMembers(value: object, checks: Readonly<Record<string, Check>>, before: string): void {
  for (const [name, member] of Object.entries(value) as Array<[string, unknown]>) {
    const assertRight = Object.hasOwn(checks, name) ? checks[name] : undefined;
    if (!assertRight)
      throw new TypeError(`\`${before}${name}\` is no option: there are ${Object.keys(checks).join(', ')}.`);
    if (member !== undefined) assertRight(member, before + name);
  }
}

function hasMethods(names: readonly string[], what: string): Check {
  return (value, place) => {
    const missing = names.filter((name) => typeof (value as Record<string, unknown> | null)?.[name] !== 'function');
    if (typeof value !== 'object' || missing.length > 0)
      throw new TypeError(`\`${place}\` is ${what}: it lacks ${missing.map((name) => `\`${name}\``).join(', ')}.`);
  };
}

const FILE: Checks<SupergraphFile> = {
  path: isText,
  pollMs: isMilliseconds,
  timeoutMs: isMilliseconds,
  onReload: isFunction,
};
const EXCHANGE: Checks<SubgraphsSettings['exchange']> = {
  maxAnswerBytes: isPositive,
  breakerErrorPercentage: check(
    (value) => typeof value === 'number' && value > 0 && value <= 100,
    'a number of percent, up to 100',
  ),
  breakerResetMs: isMilliseconds,
  http2: isBoolean,
  authorities: check(
    (value) => Array.isArray(value) && value.every((one) => typeof one === 'string'),
    'a list of texts (PEM)',
  ),
  compression: isBoolean,
};
const SUBGRAPHS: Checks<SubgraphsSettings> = {
  exchange: isMade(EXCHANGE),
  urlOf: isPrompt,
  adviceFor: isPrompt,
  timeoutMs: isPrompt,
  assertReady: isFunction,
  maxConnections: isPositive,
  maxConcurrency: isPositive,
  maxWaiting: isCount,
  maxUploads: isPositive,
  maxUploadsPerUser: isPositive,
  longestOperationMs: isMilliseconds,
};
const LIMITS: Checks<DocumentLimits> = {
  maxTokens: isPositive,
  maxDepth: isPositive,
  maxDefinitions: isPositive,
  maxDirectives: isCount,
  maxSelections: isPositive,
  maxAliases: isCount,
  maxRootFields: isPositive,
  maxOverlap: isCount,
};
const INSIDE: Checks<EngineInside> = {
  telemetry: isAnObject,
  health: isAnObject,
  authorization: isFunction,
  overrideLabels: isPrompt,
  missingViewer: isPrompt,
  operations: isAnObject,
  planner: isAnObject,
  remotePlanner: isAnObject,
  warmUpMs: check(
    (value) => typeof value === 'number' && value >= 0 && value <= LONGEST_MS,
    'a number of milliseconds',
  ),
  onVersion: isPrompt,
  onSwap: isPrompt,
  aroundFetches: isPrompt,
  maxSubgraphErrors: isCount,
  maxAnswerErrors: isCount,
  caching: isAnObject,
  sockets: isAnObject,
  subscriptions: isAnObject,
};
const CACHE_METHODS: ReadonlyArray<keyof Cache> = ['getMany', 'setMany', 'claim', 'deleteMany', 'ping', 'close'];
const LOG_METHODS: ReadonlyArray<keyof Log> = ['debug', 'info', 'warn', 'error', 'isLevelEnabled', 'child'];
const isCache = hasMethods(CACHE_METHODS, 'null, or a cache with all of its methods');
const HOOKS: Checks<EngineHooks> = {
  onFetch(value, place) {
    if (typeof value === 'function') return isPrompt(value, place);
    check(isObject, 'a function, or a table of headers')(value, place);
  },
  onPlan: isFunction,
  authorize: isFunction,
  overrideLabels: isPrompt,
};

export const ENGINE_OPTIONS: Checks<EngineOptions> = {
  ...HOOKS,
  supergraph(value, place) {
    if (typeof value === 'string') return;
    const what = 'SDL, or `{ path }` of a file or an address';
    check((found) => isObject(found) && typeof found['path'] === 'string', what)(value, place);
    isMade(FILE)(value, place);
  },
  log: hasMethods(LOG_METHODS, 'a logger with the methods of one of pino'),
  subgraphs: isMade(SUBGRAPHS),
  cache(value, place) {
    if (value !== null) isCache(value, place);
  },
  operationTimeoutMs: isMilliseconds,
  uploadTimeoutMs: isMilliseconds,
  introspection: isBoolean,
  limits: isMade(LIMITS),
  showsErrorMessages: isPrompt,
  inside: isMade(INSIDE),
};

/**
 * Refuses options that types would have refused, where a host has none: a time-out of `Infinity` would end every operation at once, a
 * hook that is no function would never be called, and one that is misspelt would be nobody's.
 *
 * @throws TypeError that names the option, and says what it is
 */
export function assertOptions(options: EngineOptions | undefined): asserts options is EngineOptions {
  if (options?.supergraph === undefined)
    throw new TypeError('`supergraph` is SDL, or `{ path }` of a file or an address.');
  assertMembers(options, ENGINE_OPTIONS, '');
}

/** Says what a member is that only the engine behind Apollo Server has. @throws TypeError */
export function assertRequestOf(requestOf: unknown): void {
  if (requestOf !== undefined) isPrompt(requestOf, 'requestOf');
}
