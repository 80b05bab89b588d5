import type { GraphQLFormattedError, OperationTypeNode } from 'graphql';
import type { CancelSignal } from '../request/cancellation.js';
import type { CachePolicy } from './cache-policy.js';
import type { OperationContext } from '../request/context.js';
import type { TracedStep } from '../request/field-traces.js';
import type { Addressed } from './subgraphs.js';

/** What a subgraph answered to a fetch. */
export interface SubgraphAnswer {
  /** Owned by the caller: it may be changed. */
  readonly data: Record<string, unknown> | null;
  readonly errors: readonly GraphQLFormattedError[];
  /** Null when it must not be kept. */
  readonly policy: CachePolicy | null;
  /** Whether its text had no backslash, so that no string in `data` needs one as JSON (RFC 8259, section 7). Absent where nobody has looked. */
  readonly isPlain?: boolean;
  /** Whether its text was ASCII without a backslash, so that every string in `data` is ASCII. Absent where nobody has looked. */
  readonly isAscii?: boolean;
}

/** An entity, as a subgraph is asked for it. */
export interface Representation {
  readonly typename: string;
  /** Null for one that is asked for by other keys. */
  readonly id: string | null;
  /** The whole, as it is sent. */
  readonly json: string;
}

export interface SubgraphRequest {
  readonly subgraph: string;
  /** The graph whose address of the subgraph is asked. */
  readonly graph: Addressed;
  readonly type: OperationTypeNode;
  readonly query: string;
  readonly operationName: string | undefined;
  /** The body of a JSON request, whole or up to its representations: what is selected, and with which variables. */
  readonly head: string;
  /** Of a fetch of entities, no two of them equal; null for one of root fields. */
  readonly representations: readonly Representation[] | null;
  /** Of the whole operation. Files among those of this fetch are streamed in a multipart request, and null in its body. */
  readonly variables: Readonly<Record<string, unknown>>;
  /** Those of this fetch. */
  readonly variableNames: readonly string[];
  readonly signal: CancelSignal;
  /** Headers in the place of the usual ones, by their names in lower case; null takes one away. Absent where there are none. */
  readonly headers?: Readonly<Record<string, string | null>>;
  /** What of these headers says whose answer it is: others must not have it. */
  readonly scope?: string;
  /** Whether headers of clients may go with it, of this one or of others. */
  readonly mayPassHeaders?: boolean;
  /** Whether the operation that it is made for selects what takes a token to see. */
  readonly isGuarded: boolean;
  /** Is told of what is sent for it, and asks for traces of its fields; absent where nobody wants to know. */
  readonly trace?: TracedStep | undefined;
  /** When what it asks for was changed last, as far as is known: an answer to what was asked before is none. */
  readonly askedAfter?: number;
}

/** Of JSON that has come as UTF-8, in which no surrogate is alone. */
export function isPlain(json: string): boolean {
  return !json.includes('\\');
}

/** The whole body of a request. */
export function bodyOf({ head, representations }: Pick<SubgraphRequest, 'head' | 'representations'>): string {
  if (!representations) return head;
  let text = head;
  for (let index = 0; index < representations.length; index += 1)
    text += (index === 0 ? '' : ',') + (representations[index] as Representation).json;
  return `${text}]}}`;
}

/** Objects of an answer. */
export interface NamedEntities {
  readonly entities: ReadonlyArray<{ readonly typename: string; readonly id: string }>;
  /** Types of objects that could not be identified. */
  readonly types: readonly string[];
  /** Subgraphs whose root fields may answer otherwise now. */
  readonly lists?: readonly string[];
}

/** Sends fetches to subgraphs. */
export interface SubgraphClient {
  /** @throws Fault when no usable answer comes */
  send(request: SubgraphRequest, context: OperationContext): Promise<SubgraphAnswer>;
  /** Tells that these were changed: nothing that was asked before is believed of them. Absent when nothing is kept. */
  invalidate?(changed: NamedEntities): Promise<void>;
}
