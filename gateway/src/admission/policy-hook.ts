import type { Log } from '@taskgraph/federation-engine/internal/request/log.js';
import { z } from 'zod';
import type { Asker } from '@taskgraph/federation-engine/internal/request/context.js';

/** Whether each policy allows it, by its name; one that is absent does not. */
export type PolicyVerdicts = ReadonlyMap<string, boolean>;

/** Asks a deployment's own service about policies. Answers nothing where that fails: nothing is allowed then. Never throws. */
export type PolicyHook = (names: readonly string[], asker: Asker) => Promise<PolicyVerdicts>;

interface PolicyHookOptions {
  readonly url: string;
  readonly timeoutMs: number;
}

/** Of an answer that says yes or no to some names. */
const MAX_BYTES = 64 * 1024;
const verdicts = z.record(z.string(), z.boolean());
const NOTHING: PolicyVerdicts = new Map();

/**
 * Asks over HTTP: `{"policies": ["staff"], "claims": {…}, "requestId": "…"}` by POST, with the client's Authorization header.
 * `claims` are those of the verified token, or null. The answer is `{"staff": true}`; whatever else it is allows nothing.
 */
export function createPolicyHook({ url, timeoutMs }: PolicyHookOptions): PolicyHook {
  return async (names, { identity, authorization, requestId, log }) => {
    const claims = identity.kind === 'accepted' ? identity.claims : null;
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json',
          'x-request-id': requestId,
          ...(authorization !== undefined && { authorization }),
        },
        body: JSON.stringify({ policies: names, claims, requestId }),
        redirect: 'error',
        signal: AbortSignal.timeout(timeoutMs),
      });
      const text = await readText(response);
      if (response.status !== 200) return closed(log, names, new Error(`it answers with status ${response.status}`));
      return new Map(Object.entries(verdicts.parse(JSON.parse(text))));
    } catch (error) {
      return closed(log, names, error);
    }
  };
}

function closed(log: Log, policies: readonly string[], error: unknown): PolicyVerdicts {
  log.error({ err: error, policies }, 'policies cannot be decided, so they allow nothing');
  return NOTHING;
}

/** @throws when it is too long to be read */
async function readText({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    if (bytes > MAX_BYTES) throw new Error(`the answer has more than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
