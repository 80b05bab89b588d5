import { MEDIA_KINDS, type MediaKind } from '../../media-kinds.js';

/** Pixels a side. */
export const ICON_SIDE = 160;

/** What stands on the sheet of each kind, in a square of 24. */
const SIGNS: Readonly<Record<MediaKind, string>> = {
  image: '<circle cx="9.5" cy="12" r="1.2"/><path d="M7 18l3.5-4 2.5 2.5 2-2L18 18z"/>',
  drawing: '<path d="M8 17l1-3 5-5 2 2-5 5z"/><path d="M7 19h10"/>',
  pdf: '<path d="M8 12h8M8 15h8M8 18h5"/><path d="M8 9h3"/>',
  text: '<path d="M8 11h8M8 14h8M8 17h5"/>',
  document: '<path d="M8 11h8v7H8zM8 14.5h8M12 11v7"/>',
  archive: '<path d="M12 4v2m0 1v2m0 1v2"/><path d="M10.5 13h3v4h-3z"/>',
  video: '<path d="M10 11v6l5-3z"/>',
  audio: '<path d="M10 17v-6l5-1v6"/><circle cx="8.8" cy="17" r="1.2"/><circle cx="13.8" cy="16" r="1.2"/>',
};

const SHEET = '<path d="M6 2.5h8.5L19 7v14.5H6zM14.5 2.5V7H19"/>';

/** Icons of kinds, as SVG: a sheet of paper and what is on it. */
export const ICONS: ReadonlyMap<string, string> = new Map(
  MEDIA_KINDS.map((kind) => [
    kind,
    `<svg xmlns="http://www.w3.org/2000/svg" width="${ICON_SIDE}" height="${ICON_SIDE}" viewBox="0 0 24 24" fill="none" stroke="#5b6470" stroke-width="1" stroke-linecap="round" stroke-linejoin="round">${SHEET}${SIGNS[kind]}</svg>`,
  ]),
);
