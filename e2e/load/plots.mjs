const WIDTH = 860;
const HEIGHT = 240;
const MARGIN = { left: 56, right: 12, top: 12, bottom: 28 };
const COLOURS = ['#2563eb', '#d97706', '#059669', '#dc2626', '#7c3aed', '#0891b2', '#64748b'];

export const escape = (text) => String(text).replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

/** A plot of lines over the seconds of a run, as SVG. */
export function linePlot({ title, unit, lines, seconds }) {
  const values = lines.flatMap(({ points }) => points.map(([, value]) => value)).filter((value) => value !== null);
  const top = niceTop(Math.max(0, ...values));
  const x = (second) => MARGIN.left + (second / Math.max(1, seconds)) * (WIDTH - MARGIN.left - MARGIN.right);
  const y = (value) => HEIGHT - MARGIN.bottom - (value / top) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const grid = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const at = y(share * top).toFixed(1);
    return `<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${at}" y2="${at}" class="grid"/><text x="${MARGIN.left - 6}" y="${at}" class="axis" text-anchor="end" dominant-baseline="middle">${format(share * top)}</text>`;
  });
  const ticks = [0, 0.25, 0.5, 0.75, 1].map(
    (share) =>
      `<text x="${x(share * seconds).toFixed(1)}" y="${HEIGHT - 8}" class="axis" text-anchor="middle">${format(share * seconds)} s</text>`,
  );
  const paths = lines.map(({ points }, index) => {
    const known = points.filter(([, value]) => value !== null);
    const path = known.map(([second, value]) => `${x(second).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
    return `<polyline points="${path}" fill="none" stroke="${COLOURS[index % COLOURS.length]}" stroke-width="2"/>`;
  });
  const legend = lines
    .map(
      ({ name }, index) => `<span><i style="background:${COLOURS[index % COLOURS.length]}"></i>${escape(name)}</span>`,
    )
    .join('');
  return `<figure><figcaption>${escape(title)} <small>${escape(unit)}</small> ${legend}</figcaption>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escape(title)}">${grid.join('')}${ticks.join('')}${paths.join('')}</svg></figure>`;
}

function niceTop(value) {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 2.5, 5, 10].map((step) => step * power).find((step) => step >= value);
}

export function format(value) {
  if (value === null || value === undefined) return '–';
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2).replace(/\.?0+$/, '');
}
