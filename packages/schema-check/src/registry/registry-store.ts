import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync, linkSync } from 'node:fs';
import path from 'node:path';
import { CheckError } from '../check-error.js';

/** Where a registry keeps its texts, by names with slashes. */
export interface RegistryStore {
  /** For people. */
  readonly location: string;
  read(name: string): Promise<string | null>;
  /** Writes what is not there yet, as a whole or not at all. False where something is there already. */
  create(name: string, text: string): Promise<boolean>;
  /** Writes it in the place of what is there: a process that reads meanwhile gets the one or the other. */
  replace(name: string, text: string): Promise<void>;
  /** The names of a folder, in order. */
  list(folder: string): Promise<string[]>;
}

/** Keeps a registry in a folder. */
export function createFolderStore(folder: string): RegistryStore {
  const at = (name: string) => path.join(folder, name);
  /** Writes beside the place, so that what stands there was never half of it. */
  const prepare = (name: string, text: string) => {
    const temporary = `${at(name)}.${randomUUID()}.tmp`;
    try {
      mkdirSync(path.dirname(temporary), { recursive: true });
      writeFileSync(temporary, text, { flush: true });
    } catch (error) {
      throw new CheckError(`${folder} cannot be written: ${(error as Error).message}`);
    }
    return temporary;
  };
  return {
    location: folder,
    async read(name) {
      try {
        return readFileSync(at(name), 'utf8');
      } catch (error) {
        if (codeOf(error) === 'ENOENT') return null;
        throw new CheckError(`${at(name)} cannot be read: ${(error as Error).message}`);
      }
    },
    async create(name, text) {
      const temporary = prepare(name, text);
      try {
        linkSync(temporary, at(name));
        return true;
      } catch (error) {
        if (codeOf(error) === 'EEXIST') return false;
        throw new CheckError(`${at(name)} cannot be written: ${(error as Error).message}`);
      } finally {
        rmSync(temporary, { force: true });
      }
    },
    async replace(name, text) {
      const temporary = prepare(name, text);
      try {
        renameSync(temporary, at(name));
      } catch (error) {
        rmSync(temporary, { force: true });
        throw new CheckError(`${at(name)} cannot be written: ${(error as Error).message}`);
      }
    },
    async list(inner) {
      try {
        return readdirSync(at(inner)).sort();
      } catch (error) {
        if (codeOf(error) === 'ENOENT') return [];
        throw new CheckError(`${at(inner)} cannot be read: ${(error as Error).message}`);
      }
    },
  };
}

function codeOf(error: unknown): string | undefined {
  return (error as { code?: string }).code;
}
