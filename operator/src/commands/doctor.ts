import { environment, readOperatorConfig } from '../config.js';
import type { Finding } from '../doctor/finding.js';
import type { CommandHost } from '../command-host.js';
import { EXIT } from '../terminal.js';

const SIGNS = { ok: ['green', '✓'], warning: ['yellow', '!'], fault: ['red', '✗'] } as const;

export function addDoctorCommand({ program, terminal, exit }: CommandHost): void {
  program
    .command('doctor')
    .description(
      'tell what is missing or wrong on this machine and in the settings, and what to do; exit 1 when something is',
    )
    .option('--json', 'answer for programs')
    .action(async ({ json = false }: { json?: boolean }) => {
      const config = readOperatorConfig();
      const env = environment();
      const [machine, settings, backends, services] = await Promise.all([
        import('../doctor/machine.js'),
        import('../doctor/settings.js'),
        import('../doctor/backends.js'),
        import('../doctor/services.js'),
      ]);
      const findings: Finding[] = (
        await Promise.all([
          Promise.resolve(machine.checkNode()),
          machine.checkDisk(config),
          Promise.resolve(settings.checkSettings(env, config)),
          backends.checkDatabases(config),
          backends.checkRedis(env),
          backends.checkPubSub(env),
          services.checkServices(env),
          services.checkSupergraph(),
        ])
      ).flat();
      const faults = findings.filter(({ state }) => state === 'fault');
      if (json) terminal.printJson({ ok: faults.length === 0, findings });
      else
        for (const { name, state, what, advice } of findings) {
          const [style, sign] = SIGNS[state];
          terminal.print(`${terminal.paint(style, sign)} ${name}: ${what}`);
          if (advice !== undefined) terminal.print(`    → ${advice}`);
        }
      if (faults.some(({ name }) => name === 'settings')) exit(EXIT.configuration);
      else exit(faults.length === 0 ? EXIT.done : EXIT.failed);
    });
}
