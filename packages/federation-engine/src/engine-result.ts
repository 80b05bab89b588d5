import type { ExecutionResult, GraphQLFormattedError } from 'graphql';
import { toBody } from './execute/render-body.js';
import { toCacheHint, writeCacheControl, type CacheHint, type CachePolicy } from './subgraphs/cache-policy.js';

export interface EngineResult {
  /** The response as JSON text; it is put together when it is read first. */
  readonly body: string;
  readonly errors: readonly GraphQLFormattedError[];
  /** Further parts of an incremental answer, each as JSON text; null when this is all. */
  readonly parts: AsyncIterable<string> | null;
  /** The value of a `Cache-Control` header, as subgraphs allow; null for what is no query. */
  readonly cacheControl: string | null;
  /** The same for Apollo's cache policies, which know one time and one scope. */
  readonly cacheHint: CacheHint;
  /** Whether the operation ran; if not, `errors` say why. */
  readonly isExecuted: boolean;
  /** The body as a value, which is made of the data and not of the text. */
  toJSON(): ExecutionResult<Record<string, unknown>, Record<string, unknown>>;
}

/** What a result is made of. */
export interface Told {
  readonly errors: readonly GraphQLFormattedError[];
  readonly parts: AsyncIterable<string> | null;
  readonly isExecuted: boolean;
  /** Whether caches may be told anything: of a query without errors. */
  readonly isCacheable: boolean;
  /** Null when it must not be kept. */
  readonly cachePolicy: CachePolicy | null;
  readonly text: () => string;
  /** What the body has beside its errors. */
  readonly members: () => object;
}

/** A result that is written when somebody reads it. No object literal: one that defines getters is a slow object for V8. */
export class WrittenResult implements EngineResult {
  readonly errors: readonly GraphQLFormattedError[];
  readonly parts: AsyncIterable<string> | null;
  readonly isExecuted: boolean;
  readonly #told: Told;
  #body: string | null = null;

  constructor(told: Told) {
    this.errors = told.errors;
    this.parts = told.parts;
    this.isExecuted = told.isExecuted;
    this.#told = told;
  }

  get body(): string {
    return (this.#body ??= this.#told.text());
  }

  get cacheControl(): string | null {
    return this.#told.isCacheable ? writeCacheControl(this.#told.cachePolicy, Date.now()) : null;
  }

  get cacheHint(): CacheHint {
    return toCacheHint(this.#told.cachePolicy, Date.now());
  }

  toJSON(): ReturnType<EngineResult['toJSON']> {
    return toBody(this.errors, this.#told.members());
  }
}
