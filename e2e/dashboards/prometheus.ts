import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { chooseFreePorts } from '@taskgraph/testkit';

export interface PrometheusOptions {
  /** The configuration, in which {@link addresses} stand in the place of those that it names. */
  readonly config: string;
  readonly addresses: Readonly<Record<string, string>>;
  readonly rulesFolder: string;
}

export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  /** NaN where there was nothing to divide. */
  readonly value: number;
}

export interface Prometheus extends AsyncDisposable {
  /** Asks for what an expression is now. @throws with the server's words when it is none */
  query(expression: string): Promise<Sample[]>;
}

const READY_TIMEOUT_MS = 240_000;

export function hasPrometheus(): boolean {
  return spawnSync('prometheus', ['--version'], { stdio: 'ignore' }).error === undefined;
}

/** Starts a Prometheus that scrapes every second, with its data in a folder of its own. */
export async function startPrometheus({ config, addresses, rulesFolder }: PrometheusOptions): Promise<Prometheus> {
  const folder = await mkdtemp(path.join(tmpdir(), 'taskgraph-prometheus-'));
  const file = path.join(folder, 'prometheus.yml');
  const [port] = await chooseFreePorts(1);
  await writeFile(file, adapt(config, addresses, rulesFolder));
  const child = spawn(
    'prometheus',
    [
      `--config.file=${file}`,
      `--storage.tsdb.path=${path.join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let output = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  const url = `http://127.0.0.1:${port}`;
  const giveUpAt = Date.now() + READY_TIMEOUT_MS;
  while (
    !(await fetch(`${url}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    ))
  ) {
    if (child.exitCode !== null || Date.now() > giveUpAt) {
      await stop();
      throw new Error(`Prometheus does not become ready:\n${output}`);
    }
    await delay(100);
  }
  return {
    async query(expression) {
      const response = await fetch(`${url}/api/v1/query?${new URLSearchParams({ query: expression }).toString()}`);
      const { status, error, data } = (await response.json()) as {
        status: string;
        error?: string;
        data?: { result: Array<{ metric: Record<string, string>; value: [number, string] }> };
      };
      if (status !== 'success' || !data) throw new Error(`${expression}: ${error}`);
      return data.result.map(({ metric, value: [, value] }) => ({ metric, value: Number(value) }));
    },
    [Symbol.asyncDispose]: stop,
  };
}

function adapt(config: string, addresses: Readonly<Record<string, string>>, rulesFolder: string): string {
  const elsewhere = Object.entries(addresses).reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`${from} is not scraped.`);
    return text.replace(from, to);
  }, config);
  return elsewhere
    .replace(/^( +scrape_interval:).*$/m, '$1 1s')
    .replace(/^( +evaluation_interval:).*$/m, '$1 1s')
    .replace('rules/*.yml', `${rulesFolder}/*.yml`);
}
