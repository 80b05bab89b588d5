import {
  getOperationAST,
  GraphQLError,
  Kind,
  OperationTypeNode,
  parse,
  specifiedRules,
  validate,
  type DocumentNode,
  type GraphQLSchema,
  type SelectionSetNode,
} from 'graphql';
import type { SubscribePayload } from 'graphql-ws';
import { LRUCache } from 'lru-cache';
import { AppError, badUserInput } from '../app-error.js';
import type { DocumentGate } from '../document-gate.js';
import { withCode } from '../graphql-errors.js';
import type { CostGate } from '../operation-costs.js';
import { isUuid } from '../uuid.js';

/** What the payload of a `subscribe` message asks for. */
export interface SubscriptionRequest {
  readonly document: DocumentNode;
  readonly operationName: string | undefined;
  readonly variables: Readonly<Record<string, unknown>> | undefined;
  /** The name of its one root field. */
  readonly field: string;
  /** The last event that the client has, when it resumes. */
  readonly lastEventId: string | undefined;
}

/** Thrown with the errors of a document that is none, or that does not fit the schema. */
export class DocumentRefused extends Error {
  constructor(readonly errors: readonly GraphQLError[]) {
    super('the document was refused');
    this.name = 'DocumentRefused';
  }
}

/** Subscribers send few different documents, and each many times. */
const KEPT_DOCUMENTS = 200;

/**
 * Creates a reader of `subscribe` payloads, which remembers the documents that it has found to be good.
 *
 * @throws DocumentRefused, or AppError when it asks for anything but one subscription
 */
export function createSubscriptionReader(
  schema: GraphQLSchema,
  {
    hideSuggestions,
    gate,
    costs,
  }: { readonly hideSuggestions: boolean; readonly gate: DocumentGate; readonly costs: CostGate },
): (payload: SubscribePayload) => SubscriptionRequest {
  const documents = new LRUCache<string, DocumentNode>({ max: KEPT_DOCUMENTS });

  function readDocument(query: string): DocumentNode {
    const known = documents.get(query);
    if (known) return known;
    gate.assertWithin(query);
    const document = parseDocument(query);
    const errors = validateDocument(schema, document, hideSuggestions);
    if (errors.length > 0)
      throw new DocumentRefused(errors.map((error) => withCode(error, 'GRAPHQL_VALIDATION_FAILED')));
    documents.set(query, document);
    return document;
  }

  return ({ query, operationName, variables, extensions }) => {
    const document = readDocument(query);
    const operation = getOperationAST(document, operationName);
    if (!operation)
      throw new AppError('BAD_REQUEST', '`operationName` must name the one operation of the document that is meant.');
    if (operation.operation !== OperationTypeNode.SUBSCRIPTION)
      throw new AppError('OPERATION_REJECTED', 'Only subscriptions are served over this connection.', {
        reason: 'NO_SUBSCRIPTION',
      });
    costs.assertWithin(document, operation, variables ?? {});
    const lastEventId = extensions?.['lastEventId'] ?? undefined;
    if (lastEventId !== undefined && (typeof lastEventId !== 'string' || !isUuid(lastEventId)))
      throw badUserInput('`extensions.lastEventId` must be the `eventId` of an event.', 'INVALID_EVENT_ID');
    return {
      document,
      operationName: operationName ?? undefined,
      variables: variables ?? undefined,
      field: rootField(document, operation.selectionSet) ?? 'unknown',
      lastEventId: lastEventId?.toLowerCase(),
    };
  };
}

function parseDocument(query: string): DocumentNode {
  try {
    return parse(query);
  } catch (error) {
    if (error instanceof GraphQLError) throw new DocumentRefused([withCode(error, 'GRAPHQL_PARSE_FAILED')]);
    throw error;
  }
}

/** A rule of graphql-js throws where a root field is put off by a variable, instead of reporting it. */
function validateDocument(
  schema: GraphQLSchema,
  document: DocumentNode,
  hideSuggestions: boolean,
): readonly GraphQLError[] {
  try {
    return validate(schema, document, specifiedRules, { hideSuggestions });
  } catch (error) {
    if (error instanceof GraphQLError) return [error];
    throw error;
  }
}

/** Validation has made sure that there is one; it may stand in a fragment. */
function rootField(document: DocumentNode, { selections }: SelectionSetNode): string | undefined {
  const [selection] = selections;
  switch (selection?.kind) {
    case Kind.FIELD:
      return selection.name.value;
    case Kind.INLINE_FRAGMENT:
      return rootField(document, selection.selectionSet);
    case Kind.FRAGMENT_SPREAD: {
      const fragment = document.definitions.find(
        (definition) => definition.kind === Kind.FRAGMENT_DEFINITION && definition.name.value === selection.name.value,
      );
      return fragment?.kind === Kind.FRAGMENT_DEFINITION ? rootField(document, fragment.selectionSet) : undefined;
    }
    case undefined:
      return undefined;
  }
}
