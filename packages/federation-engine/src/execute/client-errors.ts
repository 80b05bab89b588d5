import type { GraphQLFormattedError } from 'graphql';
import { missingViewer, type MissingViewer } from '../request/missing-viewer.js';
import type { OperationContext } from '../request/context.js';
import type { ExecutionError } from './fetch-errors.js';
import type { OperationResult } from './operation-result.js';
import { withoutSuggestions } from './suggestions.js';
import type { ErrorPath } from '../request/data.js';
import { toWithheldErrors } from './withheld-errors.js';

/** Codes that say nothing to a client; so does the absence of one. */
const INTERNAL_CODES = new Set(['INTERNAL_SERVER_ERROR', 'DOWNSTREAM_SERVICE_ERROR']);
/** Members of `extensions` that tell of a subgraph's insides. */
const PRIVATE_EXTENSIONS = new Set(['serviceName', 'stacktrace', 'http', 'exception']);

type ErrorContext = Pick<OperationContext, 'log' | 'requestId'>;

/** The one place where errors of an execution leave the engine. */
export interface ClientErrors {
  /** What a client is told of a result: what is withheld from it, the errors, and positions that could not hold what came. */
  ofResult(
    result: Pick<OperationResult, 'errors' | 'violations' | 'leftOut'>,
    context: ErrorContext & Pick<OperationContext, 'identity'>,
  ): readonly GraphQLFormattedError[];
  /** What a client is told of one error. */
  ofError(error: ExecutionError, context: ErrorContext): GraphQLFormattedError;
}

interface ClientErrorsOptions {
  /** What is said to a viewer who would see more when signed in. */
  readonly toMissingViewer?: MissingViewer;
  /** Of one answer, or part of one; what is beyond is counted in one more. */
  readonly maxErrors?: number;
}

/**
 * Creates it. Coded errors of subgraphs pass with their extensions, and with the subgraph's name; what has no code of
 * meaning is a defect, and shows only the request id.
 *
 * @param showsMessages whether defects of a subgraph are told with its own message
 */
export function createClientErrors(
  showsMessages: (subgraph: string) => boolean,
  { toMissingViewer = missingViewer, maxErrors = 1_000 }: ClientErrorsOptions = {},
): ClientErrors {
  function tell(error: ExecutionError, { log, requestId }: ErrorContext, defects: Defects): GraphQLFormattedError {
    const { message, path, subgraph, extensions = {} } = error;
    const { code } = extensions;
    const isDefect = typeof code !== 'string' || INTERNAL_CODES.has(code);
    if (isDefect) defects.add('defect', { subgraph, message, extensions }, path);
    else if (log.isLevelEnabled('debug')) log.debug({ code, path }, message);
    const isShown = !isDefect || (subgraph !== null && showsMessages(subgraph));
    const told: GraphQLFormattedError = {
      message: isShown ? withoutSuggestions(message, code) : 'Something went wrong on our side.',
      ...(path && { path }),
      extensions: {
        ...(isShown && toPublic(extensions)),
        // What a subgraph says of another one stays.
        ...(subgraph !== null && !(isShown && 'subgraph' in extensions) && { subgraph }),
        ...(isDefect && { code: 'INTERNAL_SERVER_ERROR', requestId }),
      },
    };
    if (subgraph !== null) origins.set(told, subgraph);
    return told;
  }

  return {
    ofResult({ errors, violations, leftOut }, context) {
      if (errors.length === 0 && violations.length === 0) return NO_ERRORS;
      const defects = new Defects();
      const told: GraphQLFormattedError[] = toWithheldErrors(violations, context.identity, toMissingViewer).slice(
        0,
        maxErrors,
      );
      const { requestId } = context;
      let more = leftOut;
      for (const error of errors) {
        if (told.length < maxErrors) told.push(tell(error, context, defects));
        else more += 1;
      }
      // What a subgraph answered does not fit the schema, and no error says why (GraphQL specification, 6.4.4).
      for (const { message, path, found, withheld } of violations) {
        if (withheld) continue;
        defects.add(`a subgraph's answer does not fit the schema: ${message}`, { found }, path);
        if (told.length < maxErrors)
          told.push({ message, path, extensions: { code: 'INTERNAL_SERVER_ERROR', requestId } });
        else more += 1;
      }
      if (more > 0) {
        defects.add('an answer has more errors than are told', { count: more }, undefined);
        told.push({
          message: `${more} more errors are left out.`,
          extensions: { code: 'INTERNAL_SERVER_ERROR', requestId },
        });
      }
      defects.log(context);
      return told;
    },
    ofError(error, context) {
      const defects = new Defects();
      const told = tell(error, context, defects);
      defects.log(context);
      return told;
    },
  };
}

/** Of errors that clients are told; their own extensions may name another subgraph, or anything. */
const origins = new WeakMap<GraphQLFormattedError, string>();

/** The subgraph that an error which a client is told comes from; undefined for the engine's own. */
export function subgraphOf(error: GraphQLFormattedError): string | undefined {
  return origins.get(error);
}

function toPublic(extensions: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(extensions).filter(([name, value]) => !PRIVATE_EXTENSIONS.has(name) && value !== undefined),
  );
}

const NO_ERRORS: readonly GraphQLFormattedError[] = [];

/** Of one answer; what is beyond is only counted. */
const MAX_LINES = 20;
const MAX_PATHS = 3;

/** What the log says of it. */
interface DefectFacts {
  readonly subgraph?: string | null;
  readonly message?: string;
  readonly extensions?: object;
  readonly found?: string | undefined;
  readonly count?: number;
}

interface Defect {
  readonly text: string;
  readonly facts: DefectFacts;
  readonly paths: ErrorPath[];
  count: number;
}

/** What goes to the log of one answer: the same fault at many places is one line. */
class Defects {
  readonly #known = new Map<string, Defect>();

  add(text: string, facts: DefectFacts, path: ErrorPath | undefined): void {
    const key = `${text}\n${facts.subgraph ?? ''}\n${facts.message ?? ''}`;
    let defect = this.#known.get(key);
    if (!defect) this.#known.set(key, (defect = { text, facts, paths: [], count: 0 }));
    defect.count += 1;
    if (path && defect.paths.length < MAX_PATHS) defect.paths.push(path);
  }

  log({ log }: ErrorContext): void {
    if (this.#known.size === 0) return;
    const all = [...this.#known.values()];
    for (const { text, facts, paths, count } of all.slice(0, MAX_LINES))
      log.error({ ...facts, paths, ...(count > 1 && { count }) }, text);
    if (all.length > MAX_LINES) log.error({ count: all.length - MAX_LINES }, 'more defects in the same answer');
  }
}
