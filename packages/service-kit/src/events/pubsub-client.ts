import type * as library from '@google-cloud/pubsub';

export type PubSubLibrary = typeof library;
type PubSub = library.PubSub;
type CallLimits = NonNullable<Parameters<PubSub['topic']>[1]>['gaxOpts'] & object;

/** Codes of gRPC that are told apart here. */
export const GRPC = { NOT_FOUND: 5, ALREADY_EXISTS: 6, PERMISSION_DENIED: 7, UNAVAILABLE: 14 } as const;
/** CANCELLED, UNKNOWN, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, ABORTED, INTERNAL, UNAVAILABLE: as the library's own default. */
const RETRIED_CODES = [1, 2, 4, 8, 10, 13, GRPC.UNAVAILABLE];

/** Opens a client for a project. The library takes 0.3 s and 40 MB to load, so only a process that uses it loads it. */
export async function openPubSub(projectId: string): Promise<{ library: PubSubLibrary; client: PubSub }> {
  const loaded = await import('@google-cloud/pubsub');
  const client = new loaded.PubSub({ projectId, ...CHANNEL });
  if (client.isEmulator) Object.assign(client.options, EMULATOR);
  return { library: loaded, client };
}

/** Its default waits up to two minutes before it looks whether Pub/Sub is back. */
const CHANNEL = { 'grpc.initial_reconnect_backoff_ms': 200, 'grpc.max_reconnect_backoff_ms': 2_000 };

/**
 * Emulator 0.8.20 does not notice when a subscriber's connection breaks: the stream of a process that was killed keeps its share
 * of the subjects for good. It does end streams at their deadline, and the library opens them anew, so here they have a short
 * one. See the gRPC service config, `MethodConfig.timeout`.
 */
const EMULATOR = {
  'grpc.service_config': JSON.stringify({
    methodConfig: [{ name: [{ service: 'google.pubsub.v1.Subscriber', method: 'StreamingPull' }], timeout: '10s' }],
  }),
  // The client would look for credentials, on the network as well, that an emulator does not ask for.
  auth: { getUniverseDomain: async () => 'googleapis.com' },
};

/** Bounds a call with its repetitions: the library's default is ten minutes. */
export function within(totalTimeoutMillis: number): CallLimits {
  return {
    timeout: totalTimeoutMillis,
    retry: {
      retryCodes: RETRIED_CODES,
      backoffSettings: {
        initialRetryDelayMillis: 100,
        retryDelayMultiplier: 2,
        maxRetryDelayMillis: 1_000,
        initialRpcTimeoutMillis: totalTimeoutMillis,
        rpcTimeoutMultiplier: 1,
        maxRpcTimeoutMillis: totalTimeoutMillis,
        totalTimeoutMillis,
      },
    },
  };
}

export function grpcCode(error: unknown): number | undefined {
  const code: unknown = (error as { code?: unknown } | null)?.code;
  return typeof code === 'number' ? code : undefined;
}

/**
 * An error whose message tells why a call failed once, and not how often. A call that was repeated until its time was over ends
 * with a try that had no time left, which says nothing: the last failure of another kind is the reason.
 */
export function toShortError(error: unknown): Error {
  const full = error instanceof Error ? error : new Error(String(error));
  const short = new Error(findReason(full.message), { cause: full.cause });
  return Object.assign(short, { code: grpcCode(error) });
}

/** As google-gax words it: the message, then every failure before it, or the only one in the midst of the message. */
const PREVIOUS = / ?: Previous errors : \[(.*)\]$/s;
const PREVIOUS_ERROR = /\{message: (.*?), code: \d*, details: /gs;
const ONLY_ERROR =
  /^Total timeout of API .* retrying error (?:\w*Error: )?(.*?)\s+before any response was received\.$/s;
const OUT_OF_TIME = /^4 DEADLINE_EXCEEDED/;

function findReason(message: string): string {
  const previous = [...(PREVIOUS.exec(message)?.[1] ?? '').matchAll(PREVIOUS_ERROR)].map(([, reason]) => reason ?? '');
  const last = message.replace(PREVIOUS, '').trim();
  const reason = previous.findLast((one) => !OUT_OF_TIME.test(one)) ?? ONLY_ERROR.exec(last)?.[1] ?? last;
  return reason.trim();
}
