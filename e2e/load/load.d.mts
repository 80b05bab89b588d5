export interface LoadRow {
  readonly kind: string;
  readonly requests: number;
  readonly perSecond: number;
  readonly failed: number;
  readonly failures: Readonly<Record<string, number>>;
  readonly p50: number | null;
  readonly p99: number | null;
}

export interface LoadResult {
  readonly scenario: string;
  readonly rows: readonly LoadRow[];
  readonly timeline: ReadonlyArray<{ readonly second: number; readonly requests: number }>;
  readonly events: {
    readonly subscribers: number;
    readonly seen: number;
    readonly failed: number;
    readonly p99: number | null;
  };
  readonly processes: Readonly<Record<string, ReadonlyArray<{ readonly cpuPercent: number; readonly rssMib: number }>>>;
}

export function runLoad(options: {
  readonly url: string;
  readonly scenario: string;
  readonly rate: number;
  readonly seconds: number;
  readonly pids: () => Readonly<Record<string, number>>;
  readonly onProgress: (line: string) => void;
}): Promise<LoadResult>;
