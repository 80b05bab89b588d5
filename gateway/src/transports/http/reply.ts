import type { GraphQLFormattedError } from 'graphql';
import type { RenderedParts } from '@taskgraph/federation-engine/internal/execute/render-parts.js';

/** What goes back to a client for one operation. */
export interface Reply {
  readonly kind: 'reply';
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON text: `{"data":…,"errors":…}`. */
  readonly body: string;
  /** Whether the text is known to have no character beyond ASCII: it has as many bytes as characters. Absent where nobody has looked. */
  readonly isAscii?: boolean;
  /** Set when nothing was executed: why. */
  readonly refusal: readonly GraphQLFormattedError[] | null;
  /** Further parts; null when this is all. */
  readonly rest: RenderedParts | null;
}

/** What goes back for an operation by itself, also as values, for a reader in this process. */
export interface OperationReply extends Reply {
  /** The data of the body, made when it is asked for; null where there are none. */
  readonly data: () => unknown;
  /** The errors of the body. */
  readonly errors: readonly GraphQLFormattedError[];
}
