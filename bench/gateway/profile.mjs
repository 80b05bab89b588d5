// Loaded into a process by `--import`: keeps a CPU profile of its whole life in the folder that PROFILE_FOLDER names.
import { mkdirSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import path from 'node:path';

const { PROFILE_FOLDER: folder } = process.env;
const session = new Session();
session.connect();
session.post('Profiler.enable');
session.post('Profiler.start');
process.once('exit', () => {
  session.post('Profiler.stop', (error, result) => {
    if (error) throw error;
    const name = path.basename(path.resolve(process.argv[1], '../..'));
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, `${name}.${process.pid}.cpuprofile`), JSON.stringify(result.profile));
  });
});
