export interface LockFile {
  readonly packages: Readonly<Record<string, { readonly license?: string; readonly link?: boolean }>>;
}
export const ALLOWED: readonly string[];
export const EXCEPTIONS: ReadonlyArray<{ readonly packages: RegExp; readonly license: string; readonly why: string }>;
export function findForbidden(lock: LockFile, licenseOf?: (place: string) => string | undefined): string[];
