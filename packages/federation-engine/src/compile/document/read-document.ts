import {
  NoFragmentCyclesRule,
  parse,
  validate,
  type DocumentNode,
  type GraphQLError,
  type GraphQLSchema,
} from 'graphql';
import { overLimit, type DocumentLimits } from './limits.js';
import { fragmentsOf, measureDocument } from './measure-document.js';
import { measureOverlap } from './measure-overlap.js';
import { Refusal, refusalOf } from '../../request/refusal.js';
import { scanText, tooDeep } from './scan-text.js';

/**
 * Parses a text, and refuses what is over a limit before anything is computed from it: what is looked at from here on
 * calls itself for each level, and takes each fragment as often as it is spread.
 *
 * @throws Refusal
 */
export function readDocument(schema: GraphQLSchema, text: string, limits: DocumentLimits): DocumentNode {
  const document = parseText(text, limits);
  const { definitions } = document;
  if (definitions.length > limits.maxDefinitions)
    throw overLimit(
      'TOO_MANY_DEFINITIONS',
      `A document has at most ${limits.maxDefinitions} operations and fragments.`,
    );
  const size = measureDocument(document);
  if (size.depth > limits.maxDepth) throw tooDeep(limits);
  // Nothing else can be told of a document without an end.
  if (size.isCyclic)
    throw refusalOf('GRAPHQL_VALIDATION_FAILED', validate(schema, document, [NoFragmentCyclesRule], { maxErrors: 1 }));
  if (size.selections > limits.maxSelections) {
    const message = `An operation has at most ${limits.maxSelections} selections, those of spread fragments included.`;
    throw overLimit('TOO_MANY_SELECTIONS', message);
  }
  if (size.aliases > limits.maxAliases) {
    const message = `An operation has at most ${limits.maxAliases} aliases, those of spread fragments included.`;
    throw overLimit('TOO_MANY_ALIASES', message);
  }
  if (size.rootFields > limits.maxRootFields)
    throw overLimit('TOO_MANY_ROOT_FIELDS', `An operation has at most ${limits.maxRootFields} fields at its root.`);
  if (measureOverlap(size.roots, fragmentsOf(document), limits.maxOverlap) > limits.maxOverlap)
    throw overLimit('TOO_MUCH_OVERLAP', 'Too many fields of the same name, or too many fragments, stand at one place.');
  return document;
}

function parseText(text: string, limits: DocumentLimits): DocumentNode {
  try {
    scanText(text, limits);
    return parse(text);
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw refusalOf('GRAPHQL_PARSE_FAILED', [error as GraphQLError]);
  }
}
