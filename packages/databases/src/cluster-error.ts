export type ClusterErrorCode =
  | 'ALREADY_RUNNING'
  | 'BINARIES_MISSING'
  | 'FOLDER_UNREACHABLE'
  | 'FOLDER_UNWRITABLE'
  | 'INITIALISE_FAILED'
  | 'NOTHING_THERE'
  | 'PORT_IN_USE'
  | 'ROOT_WITHOUT_USER'
  | 'START_FAILED'
  | 'VERSION_MISMATCH';

/** Says why the embedded PostgreSQL cannot run, and what to do about it, in words for the person at the terminal. */
export class ClusterError extends Error {
  readonly code: ClusterErrorCode;

  constructor(code: ClusterErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ClusterError';
    this.code = code;
  }
}
