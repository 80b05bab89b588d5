export const FOR_TESTS: ReadonlySet<string>;
export function isInstalled(root: string, workspaces: readonly string[] | null): boolean;
export function listNeeded(packages: Readonly<Record<string, object>>, workspaces: readonly string[]): string[];
export function install(
  root: string,
  workspaces: readonly string[],
  isComplete: boolean,
  npm: (folder: string, parameters: readonly string[]) => Promise<number>,
): Promise<number>;
