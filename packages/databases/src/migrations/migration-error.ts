export type MigrationErrorCode =
  | 'CONFLICTING_HISTORY'
  | 'DATABASE_UNREACHABLE'
  | 'EDITED_MIGRATION'
  | 'FAILED_MIGRATION'
  | 'INVALID_FOLDER'
  | 'INVALID_NAME'
  | 'LOCK_TIMEOUT'
  | 'MISSING_DOWN'
  | 'NO_SCRATCH_DATABASE'
  | 'NOT_FOUND'
  | 'SCHEMA_INVALID'
  | 'SCRIPT_FAILED'
  | 'UNSUITABLE_SCRIPT';

/** Says what is wrong with a migration and, in `advice`, what to do about it. */
export class MigrationError extends Error {
  readonly code: MigrationErrorCode;
  readonly advice: string | null;

  constructor(code: MigrationErrorCode, message: string, options: ErrorOptions & { readonly advice?: string } = {}) {
    super(message, options);
    this.name = 'MigrationError';
    this.code = code;
    this.advice = options.advice ?? null;
  }
}
