/** Files of a folder, as they are or as they were. Paths are relative to the folder. */
export interface FileTree {
  /** Null where there is no such file. */
  read(file: string): string | null;
  /**
   * The file itself, or all below a folder that end like one of these, in order.
   *
   * Links to files and folders are followed, and what several ways lead to is listed once: so a circle of links ends.
   *
   * @throws CheckError where a link leads to nothing, or out of the repository: what is there must not be left out in silence
   */
  list(folder: string, extensions: readonly string[]): string[];
  isFolder(folder: string): boolean;
}

/** Of others, or of an editor that holds a file open. */
export function isForeign(name: string): boolean {
  return name === 'node_modules' || name.startsWith('.#');
}

export function endsWith(file: string, extensions: readonly string[]): boolean {
  return extensions.some((extension) => file.endsWith(extension));
}

/** What is told of a link that is not followed. */
export function leadsOut(file: string, to: string): string {
  return `${file} is a link out of the repository, to ${to}, and is not followed: name that itself, or copy it.`;
}
