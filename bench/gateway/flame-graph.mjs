#!/usr/bin/env node
// Draws CPU profiles of V8 (`--cpu-prof`) as one flame graph: node bench/gateway/flame-graph.mjs OUT.svg TITLE IN.cpuprofile…
// What is below calls what is above; the width is the share of the time that was not idle. Of several files each is a box by its name.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const [out, title, ...files] = process.argv.slice(2);
if (!out || files.length === 0) {
  console.error('flame-graph.mjs OUT.svg TITLE IN.cpuprofile…');
  process.exit(2);
}
const WIDTH = 1200;
const ROW = 16;
/** Of the whole; what is narrower cannot be read. */
const LEAST_SHARE = 0.002;
const IDLE = new Set(['(idle)', '(program)']);

const root = { name: 'all', time: 0, own: 0, children: new Map() };
for (const file of files)
  add(JSON.parse(readFileSync(file, 'utf8')), files.length > 1 ? [path.basename(file, '.cpuprofile')] : []);

function add({ nodes, samples, timeDeltas }, below) {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node.id])));
  samples.forEach((sample, index) => {
    if (IDLE.has(byId.get(sample).callFrame.functionName)) return;
    const stack = [];
    for (let id = sample; parents.has(id); id = parents.get(id)) stack.unshift(nameOf(byId.get(id).callFrame));
    const time = timeDeltas[index];
    let frame = root;
    frame.time += time;
    for (const name of [...below, ...stack]) {
      if (!frame.children.has(name)) frame.children.set(name, { name, time: 0, own: 0, children: new Map() });
      frame = frame.children.get(name);
      frame.time += time;
    }
    frame.own += time;
  });
}

/** The function, and the package or the file that it is in. */
function nameOf({ functionName, url, lineNumber }) {
  const place =
    /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ??
    (url.startsWith('node:') ? url : `${path.basename(url)}:${lineNumber + 1}`);
  return `${functionName || '(anonymous)'}${url ? ` ${place}` : ''}`;
}

const escape = (text) => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
const boxes = [];
let depth = 0;
function draw(frame, x, row) {
  const share = frame.time / root.time;
  if (share < LEAST_SHARE) return;
  depth = Math.max(depth, row);
  boxes.push({ frame, x, row, width: share * WIDTH });
  let left = x;
  for (const child of [...frame.children.values()].sort((one, other) => other.time - one.time)) {
    draw(child, left, row + 1);
    left += (child.time / root.time) * WIDTH;
  }
}
draw(root, 0, 0);
const height = (depth + 2) * ROW;
const drawn = boxes.map(({ frame, x, row, width }) => {
  const y = height - (row + 1) * ROW;
  const hue = 20 + ([...frame.name].reduce((sum, letter) => sum + letter.charCodeAt(0), 0) % 40);
  const share = `${((frame.time / root.time) * 100).toFixed(1)} %`;
  const label = escape(frame.name.slice(0, Math.floor(width / 6.5)));
  return `<g><title>${escape(frame.name)}: ${share}</title><rect x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${ROW - 1}" fill="hsl(${hue} 85% 65%)"/>${width > 30 ? `<text x="${(x + 2).toFixed(1)}" y="${y + 11}">${label}</text>` : ''}</g>`;
});
writeFileSync(
  out,
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="monospace" font-size="10">
<text x="2" y="11">${escape(title)}</text>
${drawn.join('\n')}
</svg>
`,
);

// The same as a list: where the time itself was spent, by package.
const byPlace = new Map();
function collect({ name, own, children }) {
  const place = name.split(' ').slice(1).join(' ') || name;
  byPlace.set(place, (byPlace.get(place) ?? 0) + own);
  for (const child of children.values()) collect(child);
}
collect(root);
for (const [place, time] of [...byPlace].sort((one, other) => other[1] - one[1]).slice(0, 15))
  console.log(`${((time / root.time) * 100).toFixed(1).padStart(5)} %  ${place}`);
