import { splitUrls } from '@taskgraph/federation-engine/upstream';

/** Asks one of several addresses, and those after it where that fails. @throws what the first that was asked has failed with */
type AskInTurn = <Answer>(ask: (url: string) => Promise<Answer>) => Promise<Answer>;

/**
 * Asks a service that may be at several addresses for what each of them answers alike. The one that has answered last is asked first, so that
 * one which hangs costs one time-out and not one for each question.
 */
export function createAskInTurn(urls: readonly string[]): AskInTurn {
  let first = 0;
  return async (ask) => {
    const failures: unknown[] = [];
    const start = first;
    for (let step = 0; step < urls.length; step += 1) {
      const at = (start + step) % urls.length;
      try {
        const answer = await ask(urls[at] as string);
        first = at;
        return answer;
      } catch (error) {
        failures.push(error);
      }
    }
    throw failures[0];
  };
}

/** A path at each address of a service, which are a list with commas. */
export function atEach(serviceUrls: string, path: string): readonly string[] {
  return splitUrls(serviceUrls).map((url) => new URL(path, url).href);
}
