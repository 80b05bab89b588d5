import { findKind } from '../../media-kinds.js';
import { processImage, type ImageOutcome, type ImageRequest } from './process-image.js';
import { processPdf } from './process-pdf.js';

export interface WorkerAnswer {
  readonly outcome?: ImageOutcome;
  /** Set when it is no fault of the image. */
  readonly error?: string;
  /** The process has not given its memory back, which the next image would have to answer for. */
  readonly isWorn?: boolean;
}

/** The process of an image, which may die of it: the parent decides what that means. Its memory is looked at so often. */
const WATCH_MS = 20;
const maxMemoryBytes = Number(process.argv[2]);

// libvips works in threads of its own, so this one sees what they take, before the machine runs out of it.
setInterval(() => {
  if (process.memoryUsage.rss() <= maxMemoryBytes) return;
  answer({ outcome: { kind: 'invalid', reason: 'TOO_COMPLEX' } }, die);
}, WATCH_MS).unref();

// Without a parent there is nobody to work for.
process.on('disconnect', die);
process.on('message', (request: ImageRequest) => {
  const make = findKind(request.mimeType) === 'pdf' ? processPdf : processImage;
  make(request).then(
    (outcome) => answer({ outcome, isWorn: process.memoryUsage.rss() > maxMemoryBytes / 2 }),
    (error: unknown) => answer({ error: String(error) }),
  );
});

function answer(message: WorkerAnswer, then: () => void = () => undefined): void {
  if (process.connected) process.send?.(message, then);
  else then();
}

/** An orderly exit would wait for the threads. */
function die(): void {
  process.kill(process.pid, 'SIGKILL');
}
