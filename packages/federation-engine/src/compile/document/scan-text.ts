import { Lexer, Source, TokenKind } from 'graphql';
import { overLimit, type DocumentLimits } from './limits.js';

/**
 * Looks at the tokens of a text before it is parsed: the parser, and all that comes after it, calls itself for each level
 * of nesting, so that a deep text would exhaust the stack.
 *
 * @throws Refusal; GraphQLError for what is no token
 */
export function scanText(text: string, limits: DocumentLimits): void {
  const lexer = new Lexer(new Source(text));
  let tokens = 0;
  let depth = 0;
  let directives = 0;
  for (let { kind } = lexer.advance(); kind !== TokenKind.EOF; { kind } = lexer.advance()) {
    tokens += 1;
    if (tokens > limits.maxTokens)
      throw overLimit('TOO_MANY_TOKENS', `A document has at most ${limits.maxTokens} tokens.`);
    if (kind === TokenKind.BRACE_L || kind === TokenKind.BRACKET_L) {
      depth += 1;
      if (depth > limits.maxDepth) throw tooDeep(limits);
    } else if (kind === TokenKind.BRACE_R || kind === TokenKind.BRACKET_R) {
      depth -= 1;
    } else if (kind === TokenKind.AT) {
      directives += 1;
      if (directives > limits.maxDirectives)
        throw overLimit('TOO_MANY_DIRECTIVES', `A document has at most ${limits.maxDirectives} directives.`);
    }
  }
}

export function tooDeep({ maxDepth }: Pick<DocumentLimits, 'maxDepth'>): Error {
  return overLimit('TOO_DEEP', `Selections and values are nested at most ${maxDepth} levels deep.`);
}
