import os from 'node:os';
import { sendSteadily } from './pacer.mjs';
import { watchProcesses } from './processes.mjs';
import { openScenario, SCENARIOS } from './scenarios.mjs';
import { overTime, percentile, summarise } from './statistics.mjs';

/**
 * Puts a system under the load of a scenario. Returns what `report.mjs` tells of it.
 *
 * @param {object} options
 * @param {string} options.url of the gateway, without `/graphql`
 * @param {string} options.scenario
 * @param {number} options.rate
 * @param {number} options.seconds
 * @param {() => Record<string, number>} options.pids of the processes that are watched
 * @param {(line: string) => void} options.onProgress
 */
export async function runLoad({ url, scenario, rate, seconds, pids, onProgress }) {
  const open = await openScenario(scenario, url);
  const startedAt = new Date().toISOString();
  const stopWatching = watchProcesses(pids);
  try {
    const samples = await sendSteadily({
      rate,
      seconds,
      next: open.next,
      onSecond: (sofar) => {
        const { requests, failed, p50, p99 } = summarise(sofar.slice(-rate), 1);
        onProgress(
          `${sofar.length} requests; the last ${requests}: p50 ${p50?.toFixed(0)} ms, p99 ${p99?.toFixed(0)} ms, ${failed} failed`,
        );
      },
    });
    const kinds = [...new Set(samples.map(({ kind }) => kind))].sort();
    const latencies = open.events.map(({ latencyMs }) => latencyMs).filter((value) => value !== null);
    latencies.sort((a, b) => a - b);
    return {
      scenario,
      about: SCENARIOS[scenario].about,
      rate,
      seconds,
      startedAt,
      machine: `${os.availableParallelism()} cores, Node ${process.version}`,
      rows: [
        ...kinds.map((kind) => ({
          kind,
          ...summarise(
            samples.filter((sample) => sample.kind === kind),
            seconds,
          ),
        })),
        { kind: 'all', ...summarise(samples, seconds) },
      ],
      timeline: overTime(samples, seconds),
      events: {
        subscribers: SCENARIOS[scenario].subscribers ?? 0,
        seen: latencies.length,
        failed: open.events.filter(({ failed }) => failed).length,
        p50: percentile(latencies, 0.5),
        p99: percentile(latencies, 0.99),
      },
      processes: stopWatching(),
    };
  } finally {
    stopWatching();
    await open.close();
  }
}
