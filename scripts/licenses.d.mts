export interface LockFile {
  readonly packages: Readonly<Record<string, { readonly license?: string; readonly link?: boolean }>>;
}
export function findForbidden(lock: LockFile, licenseOf?: (place: string) => string | undefined): string[];
