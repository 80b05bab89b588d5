// A closed loop of `connections` clients that each send the next request when the last one is answered.
import { Pool } from 'undici';

/** @returns latencies in milliseconds, sorted, and the seconds that it took */
export async function load({ origin, path = '/graphql', body, headers, connections, requests, expected }) {
  const pool = new Pool(origin, { connections });
  const latencies = [];
  let left = requests;
  const startedAt = performance.now();
  async function client() {
    while (left > 0) {
      left -= 1;
      const sentAt = performance.now();
      const { statusCode, body: answer } = await pool.request({ path, method: 'POST', headers, body });
      const text = await answer.text();
      if (statusCode !== 200 || text.length < expected) throw new Error(`status ${statusCode}: ${text.slice(0, 300)}`);
      latencies.push(performance.now() - sentAt);
    }
  }
  await Promise.all(Array.from({ length: connections }, client));
  const seconds = (performance.now() - startedAt) / 1000;
  await pool.close();
  return { latencies: latencies.sort((left_, right) => left_ - right), seconds };
}
