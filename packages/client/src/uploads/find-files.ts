/** The files among variables, by the places where they stand; what is sent in their place is null. */
export interface FoundFiles {
  /** The variables without the files. */
  readonly variables: Record<string, unknown>;
  /** By paths such as `file` or `input.files.0`. */
  readonly files: ReadonlyMap<string, Blob>;
}

export function findFiles(variables: Readonly<Record<string, unknown>>): FoundFiles {
  const files = new Map<string, Blob>();
  const strip = (value: unknown, path: string): unknown => {
    if (typeof Blob !== 'undefined' && value instanceof Blob) {
      files.set(path, value);
      return null;
    }
    if (Array.isArray(value)) return value.map((item, index) => strip(item, `${path}.${index}`));
    if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, strip(member, `${path}.${name}`)]));
  };
  const stripped = Object.entries(variables).map(([name, value]) => [name, strip(value, name)] as const);
  return { variables: Object.fromEntries(stripped), files };
}
