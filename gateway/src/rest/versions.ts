import type { TagList } from '@taskgraph/service-kit';

export function tagOf(version: number): string {
  return `"${version}"`;
}

/** The version that one strong tag names; null for whatever has to be held against the present one. */
export function onlyVersion(list: TagList): number | null {
  if (list === '*' || list.length !== 1 || list[0]?.isWeak) return null;
  const [, digits] = /^"(0|[1-9]\d{0,8})"$/.exec(list[0]?.tag ?? '') ?? [];
  return digits === undefined ? null : Number(digits);
}
