export const root: string;
export const WORKSPACES: readonly string[];
