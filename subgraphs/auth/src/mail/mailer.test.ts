import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { createLog, createMetrics } from '@taskgraph/service-kit';
import { startSmtpServer } from '@taskgraph/testkit';
import { createFolderMailer, createSmtpMailer, type Mail, type Mailer } from './mailer.js';
import { createPostOffice } from './post-office.js';

const FROM = 'Taskgraph <no-reply@example.com>';
const log = createLog({ service: 't', level: 'silent' });
const mail: Mail = {
  to: 'ada@example.com',
  subject: 'Choose a new password',
  text: 'Hello Ada,\n\nopen this',
  link: null,
};

describe('mails', () => {
  it('are handed to a server, and an address is no way to another recipient', async () => {
    await using server = await startSmtpServer();
    const mailer = createSmtpMailer(server.url, FROM);
    await mailer.send(mail);
    await mailer.send({ ...mail, to: 'ada@example.com, eve@example.com' }).catch(() => undefined);
    await mailer.close();
    expect(server.received).toEqual(
      expect.arrayContaining(['MAIL FROM:<no-reply@example.com>', 'RCPT TO:<ada@example.com>']),
    );
    expect(server.received).not.toContain('RCPT TO:<eve@example.com>');
    expect(server.received.join('\n')).toContain('Subject: Choose a new password');
  });

  it('are files that nobody else reads where there is no server; old ones are removed, whether mails are sent or not', async () => {
    const folder = path.join(await mkdtemp(path.join(tmpdir(), 'taskgraph-mail-')), 'mail');
    try {
      const first = createFolderMailer(folder, FROM, log);
      await first.send(mail);
      await writeFile(path.join(folder, 'old.eml'), '');
      await utimes(path.join(folder, 'old.eml'), 0, 0);
      const later = createFolderMailer(folder, FROM, log);
      await later.prune?.();
      const names = await readdir(folder);
      expect(names).toHaveLength(1);
      await createFolderMailer(path.join(folder, 'not there'), FROM, log).prune?.();
      const file = path.join(folder, names[0] as string);
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      expect(await readFile(file, 'utf8')).toMatch(/^To: ada@example.com$/m);
    } finally {
      await rm(path.dirname(folder), { recursive: true });
    }
  });

  it('are tried three times, and what is under way is finished at the end', async () => {
    let tries = 0;
    const mailer: Mailer = {
      async send() {
        tries += 1;
        if (tries < 3) throw new Error('not now');
      },
      close: async () => undefined,
    };
    const metrics = createMetrics('t');
    const post = createPostOffice({ mailer, metrics, log, retryMs: [1, 1] });
    const atFirst = await metrics.registry.getSingleMetricAsString('taskgraph_auth_mails_total');
    // From zero on, so that the first one that is lost is growth.
    for (const outcome of ['lost', 'refused']) expect(atFirst).toContain(`outcome="${outcome}",service="t"} 0`);
    post.later(log, async () => mail);
    post.later(log, () => Promise.reject(new Error('the database is away')));
    await post.close();
    expect(tries).toBe(3);
    expect(await metrics.registry.getSingleMetricAsString('taskgraph_auth_mails_total')).toContain(
      'outcome="ok",service="t"} 1',
    );
  });

  it.each(['refused', 'cut off'] as const)('log in once for each try where logins are %s', async (logins) => {
    await using server = await startSmtpServer({ password: 'wrong', logins });
    const mailer = createSmtpMailer(server.url, FROM);
    const post = createPostOffice({ mailer, metrics: createMetrics('t'), log, retryMs: [1, 1] });
    post.later(log, async () => mail);
    await post.idle();
    await post.close();
    expect(server.received.filter((line) => line.startsWith('AUTH '))).toHaveLength(3);
  });

  it.each([
    [
      'that offers no login though there is a password',
      { password: 'secret', logins: 'not offered' },
      /no mail is sent/,
    ],
    ['that closes the connection before its greeting', { greets: false }, /has closed the connection/],
  ] as const)('are not sent to a server %s, and the log says why', async (_what, options, why) => {
    await using server = await startSmtpServer(options);
    const lines: Array<{ level: string; err?: { message: string } }> = [];
    const post = createPostOffice({
      mailer: createSmtpMailer(server.url, FROM),
      metrics: createMetrics('t'),
      log,
      retryMs: [1, 1],
    });
    const heard = createLog({
      service: 't',
      level: 'info',
      destination: { write: (line) => void lines.push(JSON.parse(line) as (typeof lines)[number]) },
    });
    post.later(heard, async () => mail);
    await post.close();
    expect(server.connections()).toBe(3);
    expect(server.received.filter((line) => line.startsWith('MAIL '))).toEqual([]);
    expect(lines).toEqual([expect.objectContaining({ level: 'error', subject: mail.subject })]);
    expect(lines[0]?.err?.message).toMatch(why);
  });

  it('are not sent with a password to another machine that does not encrypt', async () => {
    await using server = await startSmtpServer({ password: 'secret', host: '0.0.0.0' });
    const there = server.url.replace('127.0.0.1', '0.0.0.0');
    const mailer = createSmtpMailer(there, FROM);
    await expect(mailer.send(mail)).rejects.toThrow('cannot be encrypted');
    await mailer.close();
    expect(server.received.filter((line) => /^(AUTH|MAIL) /.test(line))).toEqual([]);
    const trusting = createSmtpMailer(`${there}?requireTLS=false`, FROM);
    await trusting.send(mail);
    await trusting.close();
    expect(server.received.filter((line) => line.startsWith('AUTH '))).toHaveLength(1);
  });

  it('begin after the answer where it would tell of them, and at once where the process stops', async () => {
    const sent: string[] = [];
    const mailer: Mailer = {
      send: async ({ subject }) => void sent.push(subject),
      close: async () => undefined,
    };
    const post = createPostOffice({ mailer, metrics: createMetrics('t'), log });
    let begun = false;
    const make = async () => {
      begun = true;
      return mail;
    };
    post.muchLater(log, make);
    await new Promise((resolve) => setImmediate(resolve));
    expect(begun).toBe(false);
    await post.idle();
    expect(sent).toEqual([mail.subject]);
    post.muchLater(log, make);
    await post.close();
    expect(sent).toEqual([mail.subject, mail.subject]);
  });
});
