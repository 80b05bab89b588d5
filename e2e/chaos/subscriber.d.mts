/** A client that follows a task, and resumes behind the last event that it saw. */
export interface Follower {
  readonly taskId: string;
  readonly seen: ReadonlyArray<{ readonly eventId: string; readonly mediaId: string | null }>;
  /** How often its subscription ended and was made anew. */
  readonly resumed: () => number;
  readonly failures: ReadonlyMap<string, number>;
  stop(): Promise<void>;
}

export function follow(url: string, options: { readonly token: string; readonly taskId: string }): Follower;
