import type { ExecutionResult } from 'graphql';

/** `{"data":…}`, with errors first so that a reader of the beginning sees them. */
export function renderBody(data: string | null, errors: readonly object[], more = ''): string {
  const told = errors.length > 0 ? `"errors":${JSON.stringify(errors)}` : '';
  const both = told !== '' && data !== null ? ',' : '';
  return `{${told}${both}${data === null ? '' : `"data":${data}`}${more}}`;
}

/** The same as a value. */
export function toBody(
  errors: readonly object[],
  members: object,
): ExecutionResult<Record<string, unknown>, Record<string, unknown>> {
  return { ...(errors.length > 0 && { errors }), ...members } as ReturnType<typeof toBody>;
}
