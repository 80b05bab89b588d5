// Loaded before a program (`node --import`), lets it take its output for a terminal of 80 columns.
import { WriteStream } from 'node:tty';

for (const stream of [process.stdout, process.stderr])
  Object.assign(stream, { isTTY: true, columns: 80, getColorDepth: WriteStream.prototype.getColorDepth });
