export interface SecurityRow {
  readonly section: string;
  /** An attack, or a requirement. */
  readonly what: string;
  /** What a client gets, or where it is met. */
  readonly answer: string;
  readonly file: string;
  /** As it stands in the file. */
  readonly title: string;
}
export const SECURITY_PAGE: string;
export const TAGGED: readonly string[];
export function readSecurityPage(markdown?: string): SecurityRow[];
