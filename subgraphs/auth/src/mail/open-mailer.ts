import path from 'node:path';
import { createBackgroundWork, type BackgroundWork, type Log } from '@taskgraph/service-kit';
import type { AuthConfig } from '../config.js';
import { createFolderMailer, createSmtpMailer, type Mailer } from './mailer.js';

/** How mails leave: by a server, or into a folder where none is set. */
export function openMailer(
  config: Pick<AuthConfig, 'SMTP_URL' | 'MAIL_FROM' | 'TASKGRAPH_DATA_DIR'>,
  log: Log,
): Mailer {
  if (config.SMTP_URL !== undefined) return createSmtpMailer(config.SMTP_URL, config.MAIL_FROM);
  return createFolderMailer(path.join(config.TASKGRAPH_DATA_DIR, 'mail'), config.MAIL_FROM, log);
}

/** Removes what a mailer has kept for long, where it keeps mails. */
export function createMailPruning(
  mailer: Mailer,
  config: Pick<AuthConfig, 'RETENTION_INTERVAL_SECONDS'>,
  log: Log,
): BackgroundWork {
  return createBackgroundWork({
    name: 'old mails',
    intervalMs: config.RETENTION_INTERVAL_SECONDS * 1000,
    log,
    async work() {
      await mailer.prune?.();
      return null;
    },
  });
}
