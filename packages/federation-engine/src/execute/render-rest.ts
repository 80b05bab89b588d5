import type { GraphQLFormattedError } from 'graphql';
import type { OperationContext } from '../request/context.js';
import type { ClientErrors } from './client-errors.js';
import type { IncrementalPart, LaterParts } from './operation-result.js';
import { renderPart, type PartsFormat, type RenderedParts } from './render-parts.js';

interface RenderRestOptions {
  readonly clientErrors: ClientErrors;
  readonly context: OperationContext;
  readonly format: PartsFormat;
  /** Called once, with the errors that were told: after the last part, or when nobody reads any more. */
  readonly onEnd: (errors: readonly GraphQLFormattedError[]) => void;
}

/** Renders the later parts of an answer, as they come. */
export function renderRest(rest: LaterParts, options: RenderRestOptions): RenderedParts {
  const { clientErrors, context, format } = options;
  const all: GraphQLFormattedError[] = [];
  let isOver = false;
  const end = () => {
    if (isOver) return;
    isOver = true;
    options.onEnd(all);
  };
  const render = (part: IncrementalPart): string | null => {
    const told = clientErrors.ofResult(part, context);
    all.push(...told);
    const errors =
      told.length === 0 && part.data === 'null' && format === 'incrementalSpec=v0.2' ? [goneError(part)] : told;
    return renderPart({ ...part, errors }, format);
  };

  async function* parts(): AsyncGenerator<string> {
    // Whether another part follows is known when it is there.
    let held: string | null = null;
    try {
      for await (const part of rest) {
        const text = render(part);
        if (text === null) continue;
        if (held !== null) yield `{${held},"hasNext":true}`;
        held = text;
      }
      yield held === null ? '{"hasNext":false}' : `{${held},"hasNext":false}`;
    } finally {
      end();
    }
  }

  return {
    format,
    [Symbol.asyncIterator]: parts,
    leave() {
      rest.leave();
      end();
    },
  };
}

/** An object that its subgraph does not have is no fault, but in this form only an error says that a part is not there. */
function goneError({ path }: IncrementalPart): GraphQLFormattedError {
  return { message: 'What was put off here is not there.', path, extensions: { code: 'NOT_FOUND' } };
}
