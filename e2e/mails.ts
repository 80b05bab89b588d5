import { watch } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Story } from './story.js';

export interface StoredMail {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  /** What stands behind `#token=` in its link; empty when it has none. */
  readonly token: string;
}

/** The mails of a story's own system: without a server for them auth writes them to a folder. */
export interface Mails {
  /** Waits for the newest mail to somebody whose subject matches, and that was not told before. */
  next(to: string, subject: RegExp): Promise<StoredMail>;
  all(): Promise<StoredMail[]>;
}

/** @throws when the system is somebody else's: its files are not ours to read */
export function mailsOf({ graph }: Pick<Story, 'graph'>): Mails {
  if (!graph) throw new Error('This story reads mails, so it is told to a system of its own: unset GATEWAY_URL.');
  const folder = path.join(graph.dataDir, 'mail');
  const told = new Set<string>();

  async function read(): Promise<Array<StoredMail & { readonly file: string }>> {
    const files = await readdir(folder).catch(() => []);
    const mails = files.filter((file) => file.endsWith('.eml')).sort();
    return Promise.all(
      mails.map(async (file) => ({ file, ...parseMail(await readFile(path.join(folder, file), 'utf8')) })),
    );
  }

  return {
    all: read,
    async next(to, subject) {
      for (;;) {
        const found = (await read()).findLast(
          (mail) => mail.to === to && subject.test(mail.subject) && !told.has(mail.file),
        );
        if (found) {
          told.add(found.file);
          return found;
        }
        await changeOf(graph.dataDir);
      }
    },
  };
}

/** Resolves when something is written below a folder, or may have been before the watch began. */
async function changeOf(folder: string): Promise<void> {
  await new Promise<void>((resolve) => {
    const watcher = watch(folder, { recursive: true }, () => done());
    const timer = setTimeout(() => done(), 100);
    function done() {
      clearTimeout(timer);
      watcher.close();
      resolve();
    }
  });
}

/** Reads a message (RFC 5322), with a body in quoted-printable (RFC 2045, section 6.7) or as it is. */
export function parseMail(message: string): StoredMail {
  const end = message.indexOf('\n\n');
  const head = message.slice(0, end).replaceAll(/\n[ \t]+/g, ' ');
  const header = (name: string) => new RegExp(`^${name}: (.*)$`, 'im').exec(head)?.[1]?.trim() ?? '';
  const body = message.slice(end + 2);
  const text = /quoted-printable/i.test(header('content-transfer-encoding'))
    ? body
        .replaceAll(/=\n/g, '')
        .replaceAll(/=([0-9A-F]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
    : body;
  return {
    to: header('to').replaceAll(/^.*<|>.*$/g, ''),
    subject: header('subject'),
    text,
    token: /#token=([\w-]+)/.exec(text)?.[1] ?? '',
  };
}
