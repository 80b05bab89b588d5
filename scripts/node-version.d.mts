export function assertSupported(version: string): void;
