import sharp from 'sharp';

export interface DemoPicture {
  readonly filename: string;
  readonly altText: string;
  readonly mimeType: 'image/jpeg' | 'image/png' | 'image/webp';
  readonly width: number;
  readonly height: number;
  /** SVG elements, drawn on a canvas of width × height. Without text: a machine may have no fonts. */
  readonly draw: (width: number, height: number) => string;
}

/** Draws a picture and packs it in the format that its name says. */
export async function renderPicture({ width, height, mimeType, draw }: DemoPicture): Promise<Buffer> {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">${draw(width, height)}</svg>`;
  const image = sharp(Buffer.from(svg));
  switch (mimeType) {
    case 'image/jpeg':
      return image.flatten({ background: '#ffffff' }).jpeg({ quality: 86 }).toBuffer();
    case 'image/png':
      return image.png({ compressionLevel: 9, palette: true }).toBuffer();
    case 'image/webp':
      return image.webp({ quality: 84 }).toBuffer();
  }
}

function gradient(id: string, colours: readonly string[], vertical = true): string {
  const stops = colours
    .map((colour, index) => `<stop offset="${index / (colours.length - 1)}" stop-color="${colour}"/>`)
    .join('');
  return `<linearGradient id="${id}" x1="0" y1="0" x2="${vertical ? 0 : 1}" y2="${vertical ? 1 : 0}">${stops}</linearGradient>`;
}

function rect(x: number, y: number, width: number, height: number, fill: string, more = ''): string {
  return `<rect x="${x}" y="${y}" width="${width}" height="${height}" fill="${fill}" ${more}/>`;
}

function circle(x: number, y: number, radius: number, fill: string, more = ''): string {
  return `<circle cx="${x}" cy="${y}" r="${radius}" fill="${fill}" ${more}/>`;
}

/** One string of `count` elements, each made from its index. */
function repeat(count: number, element: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => element(index)).join('');
}

/** Numbers in [0, 1) that look random and are the same on every machine. */
function noise(index: number): number {
  const value = Math.sin(index * 12.9898) * 43758.5453;
  return value - Math.floor(value);
}

function hills(width: number, height: number, colours: readonly string[]): string {
  return colours
    .map((colour, layer) => {
      const base = height * (0.55 + layer * 0.12);
      const points = Array.from(
        { length: 25 },
        (_, index) => `${(index / 24) * width},${base - noise(index + layer * 31) * height * 0.12}`,
      );
      return `<polygon points="0,${height} ${points.join(' ')} ${width},${height}" fill="${colour}"/>`;
    })
    .join('');
}

function bars(width: number, height: number, values: readonly number[], colours: readonly string[]): string {
  const slot = (width * 0.84) / values.length;
  return values
    .map((value, index) => {
      const tall = value * height * 0.72;
      return rect(
        width * 0.1 + index * slot,
        height * 0.86 - tall,
        slot * 0.7,
        tall,
        colours[index % colours.length] ?? '#888888',
        'rx="6"',
      );
    })
    .join('');
}

function axes(width: number, height: number): string {
  return (
    rect(0, 0, width, height, '#fffdf8') +
    repeat(5, (index) => rect(width * 0.08, height * (0.14 + index * 0.18), width * 0.86, 1.5, '#e3ddd0')) +
    rect(width * 0.08, height * 0.1, 3, height * 0.76, '#4a4a4a') +
    rect(width * 0.08, height * 0.86, width * 0.86, 3, '#4a4a4a')
  );
}

export const PICTURES = [
  {
    filename: 'shop-front.jpg',
    altText: 'A shop front painted teal, with two windows and a yellow door',
    mimeType: 'image/jpeg',
    width: 1600,
    height: 1200,
    draw: (w, h) =>
      `<defs>${gradient('wall', ['#2a9d8f', '#1f7a70'])}${gradient('glass', ['#fff4d6', '#f4c98b'])}</defs>` +
      rect(0, 0, w, h, '#cdbfae') +
      rect(w * 0.06, h * 0.12, w * 0.88, h * 0.8, 'url(#wall)') +
      [0.12, 0.62]
        .map((x) => rect(w * x, h * 0.36, w * 0.26, h * 0.4, 'url(#glass)', 'stroke="#143f3a" stroke-width="14"'))
        .join('') +
      rect(w * 0.42, h * 0.36, w * 0.16, h * 0.56, '#e9b44c', 'stroke="#143f3a" stroke-width="12"') +
      repeat(11, (index) =>
        rect(w * (0.06 + index * 0.08), h * 0.24, w * 0.08, h * 0.09, index % 2 ? '#f1faee' : '#e76f51'),
      ) +
      rect(0, h * 0.92, w, h * 0.08, '#7d7468'),
  },
  {
    filename: 'palette.png',
    altText: 'Eight colour samples in two rows',
    mimeType: 'image/png',
    width: 1200,
    height: 640,
    draw: (w, h) =>
      rect(0, 0, w, h, '#f7f3ec') +
      ['#2a9d8f', '#264653', '#e9c46a', '#f4a261', '#e76f51', '#8ab17d', '#b5838d', '#6d6875']
        .map((colour, index) =>
          rect(
            w * (0.06 + (index % 4) * 0.23),
            h * (0.1 + Math.floor(index / 4) * 0.43),
            w * 0.19,
            h * 0.36,
            colour,
            'rx="18"',
          ),
        )
        .join(''),
  },
  {
    filename: 'sunset.jpg',
    altText: 'Hills at sunset',
    mimeType: 'image/jpeg',
    width: 2400,
    height: 1350,
    draw: (w, h) =>
      `<defs>${gradient('sky', ['#27187e', '#b5179e', '#f77f00', '#fcbf49'])}</defs>` +
      rect(0, 0, w, h, 'url(#sky)') +
      circle(w * 0.68, h * 0.52, h * 0.12, '#fff3b0') +
      hills(w, h, ['#5f0f40', '#450920', '#2b0716']),
  },
  {
    filename: 'sign.png',
    altText: 'A sketch of a round sign with an open book',
    mimeType: 'image/png',
    width: 900,
    height: 900,
    draw: (w, h) =>
      rect(0, 0, w, h, '#faf3e0') +
      circle(w / 2, h / 2, w * 0.42, '#264653') +
      circle(w / 2, h / 2, w * 0.38, 'none', 'stroke="#e9c46a" stroke-width="10"') +
      `<path d="M${w * 0.5} ${h * 0.4} C ${w * 0.42} ${h * 0.32}, ${w * 0.3} ${h * 0.32}, ${w * 0.24} ${h * 0.37} V ${h * 0.63} C ${w * 0.3} ${h * 0.58}, ${w * 0.42} ${h * 0.58}, ${w * 0.5} ${h * 0.66} C ${w * 0.58} ${h * 0.58}, ${w * 0.7} ${h * 0.58}, ${w * 0.76} ${h * 0.63} V ${h * 0.37} C ${w * 0.7} ${h * 0.32}, ${w * 0.58} ${h * 0.32}, ${w * 0.5} ${h * 0.4} Z" fill="#faf3e0"/>` +
      rect(w * 0.495, h * 0.4, w * 0.01, h * 0.26, '#264653'),
  },
  {
    filename: 'floor-plan.png',
    altText: 'A floor plan with shelves along the walls',
    mimeType: 'image/png',
    width: 1500,
    height: 1000,
    draw: (w, h) =>
      rect(0, 0, w, h, '#e8f1f8') +
      repeat(30, (index) => rect((index * w) / 30, 0, 1, h, '#d3e3ef')) +
      repeat(20, (index) => rect(0, (index * h) / 20, w, 1, '#d3e3ef')) +
      rect(w * 0.1, h * 0.1, w * 0.8, h * 0.8, 'none', 'stroke="#1d3557" stroke-width="12"') +
      rect(w * 0.62, h * 0.1, 8, h * 0.5, '#1d3557') +
      rect(w * 0.3, h * 0.885, w * 0.12, h * 0.03, '#e8f1f8') +
      repeat(7, (index) => rect(w * (0.13 + index * 0.067), h * 0.13, w * 0.055, h * 0.06, '#a8763e')) +
      repeat(4, (index) => rect(w * 0.84, h * (0.16 + index * 0.16), w * 0.04, h * 0.12, '#a8763e')) +
      circle(w * 0.36, h * 0.55, h * 0.08, '#f4a261') +
      circle(w * 0.74, h * 0.72, h * 0.06, '#8ab17d'),
  },
  {
    filename: 'shelves.jpg',
    altText: 'Shelves full of books in many colours',
    mimeType: 'image/jpeg',
    width: 1800,
    height: 1200,
    draw: (w, h) => {
      const colours = ['#264653', '#2a9d8f', '#e9c46a', '#f4a261', '#e76f51', '#6d597a', '#b56576', '#355070'];
      return (
        rect(0, 0, w, h, '#6b4226') +
        repeat(4, (row) => rect(w * 0.03, h * (0.04 + row * 0.24), w * 0.94, h * 0.2, '#3f2615')) +
        repeat(4 * 34, (index) => {
          const row = Math.floor(index / 34);
          const tall = h * (0.12 + noise(index) * 0.07);
          return rect(
            w * (0.035 + (index % 34) * 0.0273),
            h * (0.24 + row * 0.24) - tall,
            w * 0.024,
            tall,
            colours[Math.floor(noise(index + 7) * 8)] ?? '#264653',
            'rx="3"',
          );
        })
      );
    },
  },
  {
    filename: 'lamps.webp',
    altText: 'Three lamps that shine on a dark wall',
    mimeType: 'image/webp',
    width: 1000,
    height: 1250,
    draw: (w, h) =>
      '<defs><radialGradient id="glow"><stop offset="0" stop-color="#ffe8a3" stop-opacity="0.95"/><stop offset="1" stop-color="#ffe8a3" stop-opacity="0"/></radialGradient></defs>' +
      rect(0, 0, w, h, '#22223b') +
      repeat(3, (index) => {
        const x = w * (0.22 + index * 0.28);
        const y = h * (0.3 + (index % 2) * 0.16);
        return (
          circle(x, y + 60, w * 0.24, 'url(#glow)') +
          rect(x - 2, 0, 4, y, '#9a8c98') +
          `<path d="M${x - 70} ${y + 60} L${x - 26} ${y - 30} H${x + 26} L${x + 70} ${y + 60} Z" fill="#c9ada7"/>` +
          circle(x, y + 66, 24, '#fff6d5')
        );
      }),
  },
  {
    filename: 'order-chart.png',
    altText: 'A bar chart of seven bars, the third the highest',
    mimeType: 'image/png',
    width: 1280,
    height: 800,
    draw: (w, h) =>
      axes(w, h) + bars(w, h, [0.42, 0.58, 0.96, 0.71, 0.33, 0.52, 0.64], ['#2a9d8f', '#e9c46a', '#e76f51']),
  },
  {
    filename: 'poster.jpg',
    altText: 'A poster with a moon above rows of windows',
    mimeType: 'image/jpeg',
    width: 1191,
    height: 1684,
    draw: (w, h) =>
      `<defs>${gradient('night', ['#0b132b', '#1c2541', '#3a506b'])}</defs>` +
      rect(0, 0, w, h, 'url(#night)') +
      repeat(90, (index) =>
        circle(noise(index) * w, noise(index + 200) * h * 0.55, 1 + noise(index + 400) * 3, '#f8f9fa'),
      ) +
      circle(w * 0.7, h * 0.2, w * 0.13, '#f6e7b4') +
      circle(w * 0.66, h * 0.185, w * 0.11, '#16203c') +
      rect(w * 0.14, h * 0.5, w * 0.72, h * 0.5, '#14110f') +
      repeat(24, (index) =>
        rect(
          w * (0.2 + (index % 4) * 0.16),
          h * (0.54 + Math.floor(index / 4) * 0.075),
          w * 0.1,
          h * 0.048,
          noise(index + 3) > 0.35 ? '#ffd166' : '#2d2a26',
        ),
      ),
  },
  {
    filename: 'guests-chart.png',
    altText: 'A line chart that rises towards the right',
    mimeType: 'image/png',
    width: 1024,
    height: 640,
    draw: (w, h) => {
      const values = [0.1, 0.16, 0.14, 0.28, 0.35, 0.33, 0.52, 0.66, 0.88];
      const at = (value: number, index: number) =>
        [w * (0.12 + (index * 0.8) / (values.length - 1)), h * (0.86 - value * 0.72)] as const;
      return (
        axes(w, h) +
        `<polyline points="${values.map((value, index) => at(value, index).join(',')).join(' ')}" fill="none" stroke="#457b9d" stroke-width="7" stroke-linejoin="round"/>` +
        values.map((value, index) => circle(...at(value, index), 10, '#e63946')).join('')
      );
    },
  },
  {
    filename: 'banner.webp',
    altText: 'Overlapping soft circles from pink to blue',
    mimeType: 'image/webp',
    width: 2000,
    height: 600,
    draw: (w, h) =>
      `<defs>${gradient('sweep', ['#ffafcc', '#cdb4db', '#a2d2ff'], false)}</defs>` +
      rect(0, 0, w, h, 'url(#sweep)') +
      repeat(28, (index) =>
        circle(
          noise(index) * w,
          noise(index + 60) * h,
          h * (0.08 + noise(index + 90) * 0.25),
          index % 2 ? '#ffffff' : '#bde0fe',
          'opacity="0.28"',
        ),
      ),
  },
  {
    filename: 'street.jpg',
    altText: 'A row of narrow houses under a pale sky',
    mimeType: 'image/jpeg',
    width: 3000,
    height: 1500,
    draw: (w, h) => {
      const colours = ['#e07a5f', '#f2cc8f', '#81b29a', '#3d405b', '#d4a373', '#a3b18a', '#bc6c25'];
      return (
        `<defs>${gradient('pale', ['#bcd9ea', '#f7efe5'])}</defs>` +
        rect(0, 0, w, h, 'url(#pale)') +
        repeat(10, (house) => {
          const x = (house * w) / 10;
          const roof = h * (0.24 + noise(house) * 0.18);
          return (
            `<polygon points="${x},${roof} ${x + w / 20},${roof - h * 0.1} ${x + w / 10},${roof}" fill="#5c4033"/>` +
            rect(x, roof, w / 10, h * 0.88 - roof, colours[house % colours.length] ?? '#e07a5f') +
            repeat(6, (window) =>
              rect(
                x + w * (0.016 + (window % 2) * 0.042),
                roof + h * (0.05 + Math.floor(window / 2) * 0.12),
                w * 0.026,
                h * 0.07,
                '#fdf6e3',
                'stroke="#40342a" stroke-width="5"',
              ),
            )
          );
        }) +
        rect(0, h * 0.88, w, h * 0.12, '#8d8578')
      );
    },
  },
] as const satisfies readonly DemoPicture[];

export type DemoPictureName = (typeof PICTURES)[number]['filename'];
