// Loaded into a process by `--import`: SIGUSR1 begins a CPU profile, and the next one ends it and writes it into the folder that
// PROFILE_FOLDER names. Under a name of its own first: a file that is there is whole.
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import path from 'node:path';

const { PROFILE_FOLDER: folder } = process.env;
const session = new Session();
session.connect();
session.post('Profiler.enable');
let runs = false;
process.on('SIGUSR1', () => {
  runs = !runs;
  if (runs) return session.post('Profiler.start');
  session.post('Profiler.stop', (error, result) => {
    if (error) throw error;
    mkdirSync(folder, { recursive: true });
    const file = path.join(folder, `${process.pid}.cpuprofile`);
    writeFileSync(`${file}.part`, JSON.stringify(result.profile));
    renameSync(`${file}.part`, file);
  });
});
