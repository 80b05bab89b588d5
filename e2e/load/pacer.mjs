import { setTimeout as delay } from 'node:timers/promises';

/** Requests under way at one time: beyond that the load itself is the bottleneck, and says so. */
const MAX_UNDER_WAY = 2_000;

/**
 * Sends requests at a constant rate, however long they take, as people do who do not know of each other. A latency counts from when a
 * request was to be sent, so what waits behind a slow one is slow as well ("coordinated omission").
 *
 * @param {object} options
 * @param {number} options.rate requests a second
 * @param {number} options.seconds
 * @param {() => { kind: string, run: () => Promise<void> }} options.next `run` throws where an answer is not what it should be
 * @param {(samples: readonly object[]) => void} options.onSecond
 */
export async function sendSteadily({ rate, seconds, next, onSecond }) {
  const samples = [];
  const underWay = new Set();
  const startedAt = performance.now();
  const total = Math.round(rate * seconds);
  let told = 0;
  for (let index = 0; index < total; index += 1) {
    const dueAt = startedAt + (index * 1_000) / rate;
    const early = dueAt - performance.now();
    if (early > 1) await delay(early);
    const { kind, run } = next();
    const sample = (failure) =>
      samples.push({ kind, atMs: dueAt - startedAt, latencyMs: performance.now() - dueAt, failure });
    if (underWay.size >= MAX_UNDER_WAY) sample('NOT_SENT');
    else {
      const sent = run()
        .then(
          () => sample(null),
          (error) => sample(nameOf(error)),
        )
        .finally(() => underWay.delete(sent));
      underWay.add(sent);
    }
    if (performance.now() - startedAt > (told + 1) * 1_000) {
      told += 1;
      onSecond(samples);
    }
  }
  await Promise.all(underWay);
  return samples;
}

/** Failures of one cause are of one name, so that they can be counted. */
function nameOf(error) {
  return error.code ?? error.cause?.code ?? error.name ?? 'Error';
}
