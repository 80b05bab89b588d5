export type Provided = { readonly command: readonly string[] } | { readonly missing: string };

export function provideTool(name: string): Provided;
