import { z } from 'zod';
import { CheckError } from './check-error.js';
import type { FileTree } from './sources/file-tree.js';
import { readYaml } from './sources/subgraph-sources.js';

export const SETTINGS_FILE = 'schema-check.yaml';
/** After which traffic that was not seen again does not count. */
export const TRAFFIC_DAYS = 30;

const file = z.string().min(1);
const settingsSchema = z.strictObject({
  /** The subgraphs, in the format of `rover supergraph compose`. */
  subgraphs: file,
  /** What they compose to, as it is committed. */
  supergraph: file.optional(),
  /** What changes are compared with where the command does not say it: the first of these that there is. */
  against: z.array(z.string().min(1)).default(['origin/main', 'main']),
  clients: z.array(z.strictObject({ name: z.string().min(1), operations: z.array(file).min(1) })).default([]),
  traffic: z
    .strictObject({ files: z.array(file).min(1), days: z.number().int().positive().default(TRAFFIC_DAYS) })
    .optional(),
  contracts: z
    .array(
      z.strictObject({
        name: z.string().min(1),
        include: z.array(z.string()).default([]),
        exclude: z.array(z.string()).default([]),
      }),
    )
    .default([]),
  budget: file.optional(),
  approvals: file.optional(),
  /** False: the SDL is not linted here. */
  lint: z.boolean().default(true),
  /** Configurations of graphql-codegen whose files must not be stale. */
  codegen: z.array(file).default([]),
  /** Manifests of persisted operations, each held against the client whose operations it lists. */
  manifests: z.array(z.strictObject({ file, client: z.string().min(1) })).default([]),
  /** The folder of the registry. */
  registry: file.optional(),
});

export type Settings = z.infer<typeof settingsSchema>;

/** Reads the settings of a repository. @throws CheckError where there are none, or they are wrong; all faults together */
export function readSettings(tree: FileTree, name: string): Settings {
  const text = tree.read(name);
  if (text === null)
    throw new CheckError(
      `There is no ${name} here: it names the subgraphs and the clients. Another is named by --config.`,
    );
  const settings = settingsSchema.safeParse(readYaml(text, name));
  if (!settings.success) throw new CheckError(`${name} is wrong:\n${z.prettifyError(settings.error)}`);
  return settings.data;
}
