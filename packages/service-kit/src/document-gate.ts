import { isErrorCode } from '@taskgraph/contracts';
import { readDocument, Refusal, type DocumentLimits } from '@taskgraph/federation-engine/documents';
import type { DocumentNode, GraphQLSchema } from 'graphql';
import { LRUCache } from 'lru-cache';
import { AppError } from './app-error.js';

/** A gateway sends few different documents, and each many times. */
const MAX_CHARACTERS = 4 * 1024 * 1024;

/** Lets documents pass that are within limits. */
export interface DocumentGate {
  /**
   * Looks at a text that it has not let pass lately. What cannot be parsed passes: the server that parses it says what is wrong.
   *
   * @throws AppError OPERATION_REJECTED, with the limit as its reason
   */
  assertWithin(text: unknown): void;
}

/**
 * Creates the gate of a server whose library parses and validates whatever it is sent: to validate and resolve 2,000 aliases holds
 * up everybody else, so they are counted before. The limits are those of a gateway, looked at in the same way.
 */
export function createDocumentGate(schema: GraphQLSchema, limits: DocumentLimits): DocumentGate {
  const passed = new LRUCache<string, true>({ maxSize: MAX_CHARACTERS, sizeCalculation: (_, text) => text.length + 1 });
  return {
    assertWithin(text) {
      if (typeof text !== 'string' || passed.get(text)) return;
      if (isWithin(schema, text, limits)) passed.set(text, true);
    },
  };
}

/** Returns the document, or null where it cannot be read. @throws AppError */
function isWithin(schema: GraphQLSchema, text: string, limits: DocumentLimits): DocumentNode | null {
  try {
    return readDocument(schema, text, limits);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (error.code !== 'OPERATION_REJECTED' || !isErrorCode(error.code)) return null;
    throw new AppError(error.code, error.message, { reason: String(error.errors[0]?.extensions?.['reason']) });
  }
}
