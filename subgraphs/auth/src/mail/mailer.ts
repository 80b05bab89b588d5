import { randomUUID } from 'node:crypto';
import { readdir, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { isLoopback, makeFolder, type Log } from '@taskgraph/service-kit';
import { createTransport, type Transporter } from 'nodemailer';

export interface Mail {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  /** What the person is to open, which `text` holds; null where the mail only tells. */
  readonly link: string | null;
}

/** Takes mails on their way. */
export interface Mailer {
  /** @throws when the mail is not taken */
  send(mail: Mail): Promise<void>;
  /** Forgets mails whose time is over, where it keeps any. */
  prune?(): Promise<void>;
  close(): Promise<void>;
}

const TIMEOUT_MS = 20_000;
const KEEP_MS = 7 * 24 * 60 * 60 * 1000;

/**
 * Hands mails to a server (`smtp://` or `smtps://`, with user and password where it wants them). Where they are given, no mail goes out
 * without them, and they go to no other machine unencrypted (RFC 8314, section 3.3) unless the URL says `?requireTLS=false`.
 */
export function createSmtpMailer(url: string, from: string): Mailer {
  const { username, password, hostname } = new URL(url);
  const logsIn = username !== '' || password !== '';
  const transport: Transporter = createTransport({
    url,
    // A server that offers no login is not the one that the password was given for, or somebody has cut the offer out on the way.
    forceAuth: logsIn,
    requireTLS: logsIn && !isLoopback(hostname.replace(/^\[(.*)\]$/, '$1')),
    pool: true,
    maxConnections: 2,
    // The post office tries again. The pool would too, each time, where a connection is closed before the greeting.
    maxRequeues: 0,
    connectionTimeout: TIMEOUT_MS,
    greetingTimeout: TIMEOUT_MS,
    socketTimeout: TIMEOUT_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
  } as object);
  return {
    async send({ to, subject, text }) {
      try {
        await transport.sendMail({ from, to: { name: '', address: to }, subject, text });
      } catch (error) {
        const why = WHY[(error as { code?: string }).code ?? ''];
        throw why === undefined ? error : new Error(why, { cause: error });
      }
    },
    async close() {
      transport.close();
    },
  };
}

/** What an operator can do something about, by the codes of nodemailer. */
const WHY: Readonly<Record<string, string>> = {
  EAUTH: 'the server of SMTP_URL does not let us in with its user and password, and no mail is sent without',
  ETLS: 'the server of SMTP_URL is not sent a password, or a mail, because the connection cannot be encrypted',
  ECONNECTION: 'the server of SMTP_URL has closed the connection, or could not be reached',
};

/** Writes mails as files that only this user can read, for machines without a mail server. `prune` removes those of a week ago. */
export function createFolderMailer(folder: string, from: string, log: Log): Mailer {
  const transport = createTransport({ streamTransport: true, buffer: true, newline: 'unix' } as object);
  let isReady: Promise<void> | null = null;
  return {
    async send({ to, subject, text }) {
      isReady ??= makeFolder(folder);
      await isReady.catch((error: unknown) => {
        isReady = null;
        throw error;
      });
      const { message } = (await transport.sendMail({
        from,
        to: { name: '', address: to },
        subject,
        text,
      })) as unknown as {
        message: Buffer;
      };
      const file = path.join(
        folder,
        `${new Date().toISOString().replaceAll(':', '-')}-${randomUUID().slice(0, 8)}.eml`,
      );
      await writeFile(file, message, { mode: 0o600 });
      log.info({ file }, 'a mail is written to a file');
    },
    async prune() {
      const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return [];
        throw error;
      });
      for (const name of names.filter((each) => each.endsWith('.eml'))) {
        const file = path.join(folder, name);
        // Another process may have removed it.
        const modified = await stat(file).catch(() => null);
        if (modified && Date.now() - modified.mtimeMs > KEEP_MS) await rm(file, { force: true });
      }
    },
    async close() {
      transport.close();
    },
  };
}
