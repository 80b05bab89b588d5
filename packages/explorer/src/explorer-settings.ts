/** What the page asks its server for before it shows anything. */
export interface ExplorerSettings {
  /** Where GraphQL is served, of requests and of WebSockets. */
  readonly endpoint: string;
  /** A document of operations with comments, which are shown as a collection; empty where there are none. */
  readonly examples: string;
  /** Whether operations `Login` and `RefreshSession` of this graph are known. */
  readonly signsIn: boolean;
  /** Accounts that anybody may know. */
  readonly logins: readonly OfferedLogin[];
}

/** An account that one click logs in with. */
export interface OfferedLogin {
  readonly name: string;
  readonly email: string;
  readonly password: string;
}
