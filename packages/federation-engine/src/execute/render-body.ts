/** `{"data":…}`, with errors first so that whoever reads the beginning sees them. */
export function renderBody(data: string | null, errors: readonly object[], more = ''): string {
  const told = errors.length > 0 ? `"errors":${JSON.stringify(errors)}` : '';
  const both = told !== '' && data !== null ? ',' : '';
  return `{${told}${both}${data === null ? '' : `"data":${data}`}${more}}`;
}
