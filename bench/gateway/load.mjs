// A closed loop of `connections` clients that each send the next request when the last one is answered, and an open one.
import { Pool } from 'undici';

/**
 * `requestOf(index)` is each request's headers and body. A client that sends one and the same request over and over measures
 * how well a gateway shares fetches that are under way, and little else.
 *
 * @param requests how many there are
 * @param seconds for how long requests are sent, where it is not said how many
 * @param pool of connections that are kept for more than one run, as those of real clients are; of its own when absent
 * @returns latencies in milliseconds, sorted, and the seconds that it took
 */
export async function load({
  origin,
  path = '/graphql',
  requestOf,
  connections,
  requests = Infinity,
  seconds: duration = Infinity,
  expected,
  pool: given,
}) {
  const pool = given ?? new Pool(origin, { connections });
  const latencies = [];
  let sent = 0;
  const startedAt = performance.now();
  const endsAt = startedAt + duration * 1000;
  async function client() {
    while (sent < requests && performance.now() < endsAt) {
      const { headers, body } = requestOf(sent);
      sent += 1;
      const sentAt = performance.now();
      const { statusCode, body: answer } = await pool.request({ path, method: 'POST', headers, body });
      const text = await answer.text();
      if (statusCode !== 200 || text.length < expected) throw new Error(`status ${statusCode}: ${text.slice(0, 300)}`);
      latencies.push(performance.now() - sentAt);
    }
  }
  await Promise.all(Array.from({ length: connections }, client));
  const seconds = (performance.now() - startedAt) / 1000;
  if (!given) await pool.close();
  return { latencies: latencies.sort((left_, right) => left_ - right), seconds };
}

/**
 * An open loop: requests are sent at a steady rate, whether the ones before are answered or not, and each latency counts
 * from when it should have been sent. A server that stalls is seen by all requests that came meanwhile.
 *
 * @returns latencies in milliseconds, and what failed
 */
export async function loadSteadily({ origin, path = '/graphql', requestOf, perSecond, seconds, connections = 256 }) {
  const pool = new Pool(origin, { connections });
  const latencies = [];
  const failures = [];
  const underWay = new Set();
  const startedAt = performance.now();
  const total = perSecond * seconds;
  async function send(index, dueAt) {
    try {
      const { statusCode, body } = await pool.request({ path, method: 'POST', ...requestOf(index) });
      const text = await body.text();
      if (statusCode !== 200 || text.includes('"errors"')) failures.push(`${statusCode} ${text.slice(0, 300)}`);
    } catch (error) {
      failures.push(String(error));
    }
    latencies.push({ at: dueAt - startedAt, ms: performance.now() - dueAt });
  }
  for (let index = 0; index < total;) {
    const due = Math.min(total, Math.floor(((performance.now() - startedAt) / 1000) * perSecond) + 1);
    for (; index < due; index += 1) {
      const sent = send(index, startedAt + (index * 1000) / perSecond);
      underWay.add(sent);
      void sent.then(() => underWay.delete(sent));
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(underWay);
  await pool.close();
  return { latencies, failures };
}
