import type { LoadResult, LoadRow } from './load.mjs';

export function tableLines(rows: readonly LoadRow[]): string[];
export function markdownLines(results: readonly LoadResult[]): string[];
export function toHtml(result: LoadResult): string;
