import { readOperatorConfig } from '../config.js';
import type { CommandHost } from '../command-host.js';
import { CommandError } from '../terminal.js';

export function addSeedCommand({ program, terminal }: CommandHost): void {
  program
    .command('seed')
    .description('make the demo data through a gateway that runs; what is there already is not made twice')
    .option('--url <url>', 'where the gateway answers', 'http://127.0.0.1:3000/graphql')
    .option('--json', 'answer for programs')
    .action(async ({ url, json = false }: { url: string; json?: boolean }) => {
      const [{ seedDemoData }, { dataDirOf, prepareDataDir }] = await Promise.all([
        import('@taskgraph/embedded/seed'),
        import('@taskgraph/embedded/data-dir'),
      ]);
      const dataDir = dataDirOf(readOperatorConfig().dataDir);
      await prepareDataDir(dataDir);
      const { taskId } = await seedDemoData({
        dataDir,
        graphqlUrl: url,
        signal: new AbortController().signal,
        onProgress: (text) => terminal.printError(`… ${text}`),
      }).catch((error: unknown) => {
        throw new CommandError(
          `The demo data could not be made at ${url}: ${error instanceof Error ? error.message : String(error)}`,
          'Start the system (npm start), or name its gateway: --url',
        );
      });
      if (json) terminal.printJson({ taskId });
      else terminal.print(`The demo data are there; the task ${taskId} has pictures.`);
    });
}
