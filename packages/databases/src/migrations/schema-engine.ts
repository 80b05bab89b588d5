import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { PrismaPg } from '@prisma/adapter-pg';
import {
  bindMigrationAwareSqlAdapterFactory,
  ColumnTypeEnum,
  type SqlDriverAdapter,
  type SqlMigrationAwareDriverAdapterFactory,
} from '@prisma/driver-adapter-utils';
import type * as engineBindings from '@prisma/schema-engine-wasm/schema_engine_bg';
import type { DiffTarget, SchemaEngine as WasmEngine } from '@prisma/schema-engine-wasm/schema_engine_bg';
import { databaseSession } from '@taskgraph/contracts';
import pg from 'pg';
import { MigrationError } from './migration-error.js';
import type { Migration, SchemaFolder } from './migration-folder.js';

/** What is used of the global WebAssembly, which TypeScript declares for browsers only. */
interface WasmRuntime {
  instantiate(
    bytes: Uint8Array,
    imports: Readonly<Record<string, unknown>>,
  ): Promise<{ readonly instance: { readonly exports: WasmExports } }>;
}
interface WasmExports {
  __wbindgen_start(): void;
}

type EngineModule = typeof engineBindings & {
  __wbg_set_wasm(exports: WasmExports): void;
};

let loading: Promise<EngineModule> | null = null;

/**
 * Loads Prisma's schema engine, compiled to WebAssembly: about 50 ms, once per process. The package's own entry imports
 * the .wasm file as a module, which Node does not do, so it is instantiated here.
 */
function loadEngine(): Promise<EngineModule> {
  loading ??= (async () => {
    const specifier = '@prisma/schema-engine-wasm/schema_engine_bg';
    const file = createRequire(import.meta.url)
      .resolve(specifier)
      .replace(/\.js$/, '.wasm');
    const [glue, bytes] = await Promise.all([
      import('@prisma/schema-engine-wasm/schema_engine_bg') as Promise<EngineModule>,
      readFile(file),
    ]);
    // The engine reports a panic through this global, then traps.
    (globalThis as Record<string, unknown>)['PRISMA_WASM_PANIC_REGISTRY'] = {
      set_message(message: string) {
        throw new Error(`Prisma's schema engine panicked: ${message}`);
      },
    };
    const { WebAssembly } = globalThis as unknown as { readonly WebAssembly: WasmRuntime };
    const { instance } = await WebAssembly.instantiate(bytes, { './schema_engine_bg.js': glue });
    glue.__wbg_set_wasm(instance.exports);
    instance.exports.__wbindgen_start();
    return glue;
  })();
  return loading;
}

/** One side of a comparison. */
export type SchemaSource =
  /** schema.prisma. */
  | { readonly kind: 'schema' }
  /** What is in the database that the engine was opened on. */
  | { readonly kind: 'database' }
  /** What these migrations make of an empty database; runs them on the scratch database. */
  | { readonly kind: 'migrations'; readonly migrations: readonly Migration[] };

export interface SchemaComparer extends AsyncDisposable {
  /** Returns the SQL that leads from one to the other, or null when they are the same. */
  diffScript(from: SchemaSource, to: SchemaSource): Promise<string | null>;
  /** Returns the same for people to read. */
  diffSummary(from: SchemaSource, to: SchemaSource): Promise<string | null>;
}

export interface ComparerOptions {
  readonly folder: SchemaFolder;
  readonly url: string;
  /** An empty database; needed for the kind `migrations` only, each use wants a new one. */
  readonly scratchUrl?: string;
}

export interface OpenEngine extends AsyncDisposable {
  readonly engine: WasmEngine;
  /** The content of schema.prisma. */
  readonly schema: string;
}

/** Opens Prisma's schema engine on a database. Dispose only when its last answer is there. @throws MigrationError SCHEMA_INVALID */
export async function openEngine({ folder, url, scratchUrl }: ComparerOptions): Promise<OpenEngine> {
  const schema = await readFile(folder.schema, 'utf8');
  const { SchemaEngine } = await loadEngine();
  const factory = adapterFactory(url, scratchUrl);
  const adapters = bindMigrationAwareSqlAdapterFactory(factory);
  const engine = await SchemaEngine.new({ datamodels: [[folder.schema, schema]] }, () => undefined, adapters).catch(
    async (cause: unknown) => {
      await factory.dispose();
      return fail(folder)(cause);
    },
  );
  return {
    engine,
    schema,
    async [Symbol.asyncDispose]() {
      engine.free();
      await factory.dispose();
    },
  };
}

/** Tables and enums that somebody else manages: none. */
export const NO_FILTERS = { externalTables: [], externalEnums: [] };

/** Opens the schema engine on a database, for comparisons. @throws MigrationError SCHEMA_INVALID */
export async function openComparer(options: ComparerOptions): Promise<SchemaComparer> {
  const { folder } = options;
  const { engine, schema, [Symbol.asyncDispose]: dispose } = await openEngine(options);

  async function diff(from: SchemaSource, to: SchemaSource, script: boolean): Promise<string | null> {
    const params = {
      from: toTarget(folder, schema, from),
      to: toTarget(folder, schema, to),
      script,
      exitCode: true,
      filters: NO_FILTERS,
    };
    const { exitCode, stdout } = await engine.diff(params).catch(fail(folder));
    return exitCode === 0 ? null : (stdout ?? '');
  }

  return {
    diffScript: (from, to) => diff(from, to, true),
    diffSummary: (from, to) => diff(from, to, false),
    [Symbol.asyncDispose]: dispose,
  };
}

function toTarget(folder: SchemaFolder, content: string, source: SchemaSource): DiffTarget {
  const files = [{ path: folder.schema, content }];
  switch (source.kind) {
    case 'schema':
      return { tag: 'schemaDatamodel', files };
    case 'database':
      return { tag: 'schemaDatasource', files, configDir: folder.migrations };
    case 'migrations':
      return { tag: 'migrations', ...toMigrationList(folder, source.migrations) };
  }
}

/** Puts migrations in the form in which the engine takes them. */
export function toMigrationList(folder: SchemaFolder, migrations: readonly Migration[]) {
  return {
    baseDir: folder.migrations,
    lockfile: { path: 'migration_lock.toml', content: 'provider = "postgresql"\n' },
    shadowDbInitScript: '',
    migrationDirectories: migrations.map(({ name, script }) => ({
      path: name,
      migrationFile: { path: 'migration.sql', content: { tag: 'ok' as const, value: script } },
    })),
  };
}

function fail(folder: SchemaFolder) {
  return (cause: unknown): never => {
    // The engine adds its own call stack to the message.
    const message = (cause instanceof Error ? cause.message : String(cause)).replace(/\n\s+0: [\s\S]*$/, '').trim();
    throw new MigrationError('SCHEMA_INVALID', `${folder.name}: Prisma's schema engine says: ${message}`, { cause });
  };
}

interface DisposableFactory extends SqlMigrationAwareDriverAdapterFactory {
  dispose(): Promise<void>;
}

function adapterFactory(url: string, scratchUrl: string | undefined): DisposableFactory {
  const pools: pg.Pool[] = [];
  const open = async (connectionString: string): Promise<SqlDriverAdapter> => {
    const pool = new EnginePool({
      connectionString: databaseSession(connectionString),
      max: 1,
      application_name: 'taskgraph-migrate',
    });
    pool.on('error', () => undefined);
    pools.push(pool);
    return openAdapter(pool);
  };
  return {
    provider: 'postgres',
    adapterName: '@prisma/adapter-pg',
    connect: () => open(url),
    connectToShadowDb() {
      if (scratchUrl === undefined) throw new Error('the comparison needs a scratch database');
      return open(scratchUrl);
    },
    async dispose() {
      await Promise.all(pools.map((pool) => pool.end()));
    },
  };
}

/** pg_type.oid of `"char"`, the one-byte type of the system catalogue. */
const CHAR_OID = 18;
const TEXT_OID = 25;

/** Remembers which columns of a result are of the type `"char"`. */
class EnginePool extends pg.Pool {
  readonly charColumns = new WeakMap<object, readonly number[]>();

  // Overloads of pg's query are many; the wrapper passes arguments through untouched.
  override query(...args: unknown[]): never {
    const answer = (super.query as (...inner: unknown[]) => Promise<pg.QueryArrayResult>).apply(this, args);
    return answer.then((result) => {
      const columns = (result.fields ?? []).flatMap((field, index) => (field.dataTypeID === CHAR_OID ? [index] : []));
      // PrismaPg refuses the type, so it is shown another and the engine is told afterwards.
      for (const index of columns) (result.fields[index] as pg.FieldDef).dataTypeID = TEXT_OID;
      if (columns.length > 0) this.charColumns.set(result.rows, columns);
      return result;
    }) as never;
  }
}

async function openAdapter(pool: EnginePool): Promise<SqlDriverAdapter> {
  const adapter = await new PrismaPg(pool).connect();
  const queryRaw = adapter.queryRaw.bind(adapter);
  adapter.queryRaw = async (query) => {
    const result = await queryRaw(query);
    for (const index of pool.charColumns.get(result.rows) ?? []) result.columnTypes[index] = ColumnTypeEnum.Character;
    return result;
  };
  // The adapter cuts scripts at every semicolon, in function bodies too.
  adapter.executeScript = async (script) => {
    // eslint-disable-next-line @typescript-eslint/await-thenable -- the override above hides that it is a promise
    await pool.query(script);
  };
  return adapter;
}
