import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { runCli } from '../src/cli.js';
import type { Report } from '../src/finding.js';
import { composeGraph } from '../src/graph/graph.js';
import { filesOnDisk } from '../src/sources/disk-files.js';
import { readSubgraphs } from '../src/sources/subgraph-sources.js';

/** A git repository with a graph of two subgraphs and the operations of two clients. */
export interface DemoRepository extends Disposable {
  readonly folder: string;
  read(file: string): string;
  write(file: string, text: string): void;
  /** Changes a file; fails where it does not have what is to be changed. */
  replace(file: string, from: string, to: string): void;
  /** Writes what the subgraphs compose to now. */
  compose(): void;
  /** Writes what graphql-codegen, which has to be in `node_modules`, makes of a configuration. */
  generate(config: string): void;
  commit(message: string): void;
  run(...args: string[]): Promise<{ readonly status: number; readonly output: string; readonly errors: string }>;
  check(...args: string[]): Promise<{ readonly status: number; readonly report: Report }>;
}

const LINK = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@shareable", "@tag"])\n`;

export const TASKS = 'subgraphs/tasks/schema.graphql';
export const USERS = 'subgraphs/users/schema.graphql';

const FILES: Readonly<Record<string, string>> = {
  'schema-check.yaml': `
subgraphs: supergraph.yaml
supergraph: supergraph.graphql
against: [main]
clients:
  - { name: web, operations: [clients/web] }
traffic: { files: [clients/traffic.ndjson], days: 30 }
contracts:
  - { name: public, exclude: [internal] }
approvals: approvals.yaml
budget: budget.yaml
registry: registry
`,
  'supergraph.yaml': `
subgraphs:
  tasks: { routing_url: 'http://tasks', schema: subgraphs/tasks }
  users: { routing_url: 'http://users', schema: { file: subgraphs/users/schema.graphql } }
`,
  'approvals.yaml': '[]\n',
  'budget.yaml': 'default: { fetches: 3, cost: 100 }\n',
  [TASKS]: `${LINK}
"What there is to do."
type Task @key(fields: "id") {
  id: ID!
  title: String!
  description: String
  estimate: Int
  notes: String @tag(name: "internal")
  owner: User
}

"Somebody, as the task service knows them."
type User @key(fields: "id") {
  id: ID!
  tasks: [Task!]!
}

"What a task is made of."
input TaskInput {
  title: String!
  description: String
}

extend type Query {
  "One task."
  task(id: ID!): Task
}

extend type Mutation {
  "Makes a task."
  addTask(input: TaskInput!): Task
}
`,
  [USERS]: `${LINK}
"Somebody with an account."
type User @key(fields: "id") {
  id: ID!
  name: String!
  nickname: String
}

extend type Query {
  "Who asks."
  me: User
}
`,
  'clients/web/task.graphql': `query TaskPage($id: ID!) {
  task(id: $id) {
    title
    ...Body
    owner { name }
  }
}
mutation AddTask($input: TaskInput!) {
  addTask(input: $input) { id }
}
`,
  'clients/web/fragments.graphql': `fragment Body on Task {
  description
}
`,
  'clients/traffic.ndjson': `{"client":"phone","version":"2.1.0","operation":"query Nick { me { nickname } }","lastSeen":"2026-11-20"}
{"operation":"{ me { name } }","lastSeen":"2026-11-20"}
{"client":"old","operation":"query Estimate { task(id: 1) { estimate } }","lastSeen":"2026-01-01"}
`,
};

/** The day of the demonstration, for which approvals are read. */
const TODAY = '2026-11-27';

/** @param lints whether its SDL is linted, which takes most of the time of a check; env: what tells of keys of registries elsewhere */
export function createDemoRepository({ lints = false, env = {} } = {}): DemoRepository {
  const folder = mkdtempSync(path.join(tmpdir(), 'schema-check-'));
  const git = (...parameters: string[]) =>
    execFileSync('git', ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.com', ...parameters], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
  const read = (file: string) => readFileSync(path.join(folder, file), 'utf8');
  const write = (file: string, text: string) => {
    mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
    writeFileSync(path.join(folder, file), text);
  };
  const run: DemoRepository['run'] = async (...args) => {
    let output = '';
    let errors = '';
    const status = await runCli({
      args: args.includes('--today') ? args : [...args, '--today', TODAY],
      cwd: folder,
      today: TODAY,
      env,
      print: (text) => void (output += text),
      printError: (text) => void (errors += text),
    });
    return { status, output, errors };
  };
  const compose = () => {
    const { graph } = composeGraph(readSubgraphs(filesOnDisk(folder), 'supergraph.yaml')?.sources ?? []);
    if (!graph?.supergraphSdl) throw new Error('The subgraphs do not compose.');
    write('supergraph.graphql', `# Composed.\n${graph.supergraphSdl.trimEnd()}\n`);
  };
  const commit = (message: string) => {
    git('add', '-A');
    git('commit', '-q', '-m', message);
  };
  for (const [file, text] of Object.entries(FILES)) write(file, text);
  if (!lints) write('schema-check.yaml', `${read('schema-check.yaml')}lint: false\n`);
  compose();
  git('init', '-q', '-b', 'main');
  commit('The graph');
  git('switch', '-q', '-c', 'change');
  return {
    folder,
    read,
    write,
    replace(file, from, to) {
      const text = read(file);
      if (!text.includes(from)) throw new Error(`${file} has no ${from}`);
      write(file, text.replace(from, to));
    },
    compose,
    generate: (config) =>
      void execFileSync(process.execPath, ['node_modules/@graphql-codegen/cli/cjs/bin.js', '--config', config], {
        cwd: folder,
        env: { ...process.env, NODE_OPTIONS: '' },
        stdio: ['ignore', 'ignore', 'pipe'],
      }),
    commit,
    run,
    async check(...args) {
      const { status, output, errors } = await run('check', '--format', 'json', ...args);
      if (output === '') throw new Error(errors);
      return { status, report: JSON.parse(output) as Report };
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
