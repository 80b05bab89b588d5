import { taggedFile } from './tagged-files.js';

/** The picture of `portrait.heic` without a mark of turning: its bytes, and pixels. */
const TILE = { start: 0x39c, byteSize: 0x193, width: 128, height: 96 } as const;

interface Box {
  readonly type: string;
  readonly bytes: Buffer;
}

/** ISO/IEC 14496-12, section 4.2. */
function boxesOf(bytes: Buffer): Box[] {
  const boxes: Box[] = [];
  for (let at = 0; at + 8 <= bytes.length;) {
    const size = bytes.readUInt32BE(at) || bytes.length - at;
    boxes.push({ type: bytes.toString('latin1', at + 4, at + 8), bytes: bytes.subarray(at, at + size) });
    at += size;
  }
  return boxes;
}

function find(boxes: readonly Box[], type: string): Buffer {
  const found = boxes.find((box) => box.type === type);
  if (!found) throw new Error(`There is no ${type}.`);
  return found.bytes;
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function box(type: string, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([u32(body.length + 8), Buffer.from(type, 'latin1'), body]);
}

const NO_FLAGS = u32(0);

/** A picture of tiles, as telephones write it, each of them an item (ISO/IEC 23008-12, section 6.6.2.3.2). */
export function tiledHeic(columns: number, rows: number): Buffer {
  const source = taggedFile('portrait.heic');
  const whole = boxesOf(source);
  const meta = boxesOf(find(whole, 'meta').subarray(12));
  const properties = find(boxesOf(find(meta, 'iprp').subarray(8)), 'ipco').subarray(8);
  const [width, height] = [columns * TILE.width, rows * TILE.height];
  const tile = source.subarray(TILE.start, TILE.start + TILE.byteSize);
  const grid = Buffer.concat([Buffer.from([0, 1, rows - 1, columns - 1]), u32(width), u32(height)]);
  const ids = Array.from({ length: columns * rows }, (_, index) => index + 1);
  const gridId = ids.length + 1;

  const size = box('ispe', NO_FLAGS, u32(width), u32(height));
  const ofTiles = ids.map((id) => Buffer.concat([u16(id), Buffer.from([3, 0x81, 3, 4])]));
  const sizeIndex = boxesOf(properties).length + 1;
  const ofGrid = Buffer.concat([u16(gridId), Buffer.from([2, sizeIndex, 4])]);
  const iprp = box('iprp', box('ipco', properties, size), box('ipma', NO_FLAGS, u32(gridId), ...ofTiles, ofGrid));
  const entry = (id: number, type: string) =>
    box('infe', Buffer.from([2, 0, 0, 0]), u16(id), u16(0), Buffer.from(`${type}\0`));
  const iinf = box('iinf', NO_FLAGS, u16(gridId), ...ids.map((id) => entry(id, 'hvc1')), entry(gridId, 'grid'));
  const iref = box('iref', NO_FLAGS, box('dimg', u16(gridId), u16(ids.length), ...ids.map(u16)));
  const metaFor = (data: number): Buffer => {
    const place = (id: number, at: number, length: number) =>
      Buffer.concat([u16(id), u16(0), u16(1), u32(at), u32(length)]);
    const places = [...ids.map((id) => place(id, data, tile.length)), place(gridId, data + tile.length, grid.length)];
    const iloc = box('iloc', NO_FLAGS, Buffer.from([0x44, 0]), u16(gridId), ...places);
    return box('meta', NO_FLAGS, find(meta, 'hdlr'), box('pitm', NO_FLAGS, u16(gridId)), iloc, iinf, iref, iprp);
  };
  const head = find(whole, 'ftyp');
  return Buffer.concat([head, metaFor(head.length + metaFor(0).length + 8), box('mdat', tile, grid)]);
}
