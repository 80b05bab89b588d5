type LogSource = () => Iterable<string>;

const sources = new Set<LogSource>();

/** Lets failed expectations search these log lines. Returns how to take them away again. */
export function addLogSource(source: LogSource): () => void {
  sources.add(source);
  return () => void sources.delete(source);
}

/** Returns the lines of all running processes that name this request. */
export function findRequestLogs(requestId: string): string[] {
  return [...sources].flatMap((source) => [...source()].filter((line) => line.includes(requestId)));
}
