export function listContext(root: string): string[];
export function matching(files: readonly string[], source: string): string[];
