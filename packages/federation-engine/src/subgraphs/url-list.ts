/** The URLs of a list with commas: one service at several places. */
export function splitUrls(list: string): readonly string[] {
  return list
    .split(',')
    .map((url) => url.trim())
    .filter((url) => url !== '');
}
