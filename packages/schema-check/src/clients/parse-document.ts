import { GraphQLError, parse, Source, type DocumentNode } from 'graphql';
import { CheckError } from '../check-error.js';

/** @throws CheckError, with file and line, when the text is no GraphQL */
export function parseOrThrow(text: string, name: string): DocumentNode {
  try {
    return parse(new Source(text, name));
  } catch (error) {
    if (error instanceof RangeError) throw new CheckError(`${name} is nested too deeply.`);
    if (!(error instanceof GraphQLError)) throw error;
    throw new CheckError(`${name}:${error.locations?.[0]?.line ?? 1} is no GraphQL: ${error.message}`);
  }
}
