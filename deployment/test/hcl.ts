import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { readText, ROOT } from './repository.js';

type Block = Readonly<Record<string, unknown>>;

/** One folder of Terraform, its files put together. */
export interface HclModule {
  /** All of its text, to look for references in. */
  readonly text: string;
  readonly variables: ReadonlyMap<string, Block>;
  readonly locals: ReadonlyMap<string, unknown>;
  readonly outputs: ReadonlyMap<string, Block>;
  readonly modules: ReadonlyMap<string, Block>;
  /** By address, such as `google_pubsub_topic.events`. */
  readonly resources: ReadonlyMap<string, Block>;
}

interface Parsed {
  readonly variable?: Readonly<Record<string, readonly Block[]>>;
  readonly output?: Readonly<Record<string, readonly Block[]>>;
  readonly module?: Readonly<Record<string, readonly Block[]>>;
  readonly locals?: readonly Block[];
  readonly resource?: Readonly<Record<string, Readonly<Record<string, readonly Block[]>>>>;
  readonly data?: Readonly<Record<string, Readonly<Record<string, readonly Block[]>>>>;
}

const { parse } = createRequire(path.join(ROOT, 'deployment/package.json'))('@cdktn/hcl2json') as {
  readonly parse: (name: string, text: string) => Promise<Parsed>;
};

/** @throws when a file is no HCL, or something is declared twice */
export async function readModule(folder: string): Promise<HclModule> {
  const files = readdirSync(path.join(ROOT, folder)).filter((file) => file.endsWith('.tf'));
  const texts = files.map((file) => readText(`${folder}/${file}`));
  const parsed = await Promise.all(texts.map((text, index) => parse(files[index] as string, text)));
  const blocks = (kind: 'variable' | 'output' | 'module') =>
    unique(parsed.flatMap((one) => Object.entries(one[kind] ?? {}).map(([name, [block]]) => [name, block as Block])));
  const addressed = (one: Parsed['resource'], prefix: string) =>
    Object.entries(one ?? {}).flatMap(([type, named]) =>
      Object.entries(named).map(([name, [block]]): [string, Block] => [`${prefix}${type}.${name}`, block as Block]),
    );
  return {
    text: texts.join('\n'),
    variables: blocks('variable'),
    outputs: blocks('output'),
    modules: blocks('module'),
    locals: unique(parsed.flatMap(({ locals = [] }) => locals.flatMap((one) => Object.entries(one)))),
    resources: unique(
      parsed.flatMap(({ resource, data }) => [...addressed(resource, ''), ...addressed(data, 'data.')]),
    ),
  };
}

function unique<Value>(entries: ReadonlyArray<readonly [string, Value]>): Map<string, Value> {
  const map = new Map<string, Value>();
  for (const [name, value] of entries) {
    if (map.has(name)) throw new Error(`${name} is declared twice.`);
    map.set(name, value);
  }
  return map;
}

/** The members of `toset(["a", "b"])`, as the parser leaves it. */
export function membersOf(expression: unknown): string[] {
  return [...String(expression).matchAll(/"([^"]+)"/g)].map(([, member = '']) => member);
}
