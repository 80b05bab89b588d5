export function treeDifferences(one: string, other: string): string[];
export function sizeOfTree(folder: string): number;
