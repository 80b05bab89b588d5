import type { GraphQLFormattedError } from 'graphql';
import type { GatewayContext } from '../context.js';
import type { ClientErrors } from '../execution/client-errors.js';
import type { IncrementalPart } from '../execution/operation-result.js';
import { renderPart } from './reply.js';

/** Renders the later parts of an answer, as they come. */
export async function* renderRest(
  rest: AsyncIterable<IncrementalPart>,
  clientErrors: ClientErrors,
  context: GatewayContext,
  onEnd: (errors: readonly GraphQLFormattedError[]) => void,
): AsyncGenerator<string> {
  const all: GraphQLFormattedError[] = [];
  // Whether another part follows is known when it is there.
  let held: IncrementalPart | null = null;
  const render = (part: IncrementalPart, hasNext: boolean) => {
    const errors = clientErrors.ofResult(part, context);
    all.push(...errors);
    return renderPart({ ...part, errors }, hasNext);
  };
  try {
    for await (const part of rest) {
      if (held) yield render(held, true);
      held = part;
    }
    yield held ? render(held, false) : '{"hasNext":false}';
  } finally {
    // Also when the client goes away before the last part.
    onEnd(all);
  }
}
