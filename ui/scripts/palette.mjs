// A picture of a page as a PNG with a palette, which is half as large: the most frequent colours stay as
// they are, each other one becomes the nearest of them. Made for flat pictures; a photograph suffers.
import { crc32, deflateSync } from 'node:zlib';

const COLOURS = 256;

/** Pixels of a PNG as red, green, blue and alpha, read by the browser that made it. */
export async function pixels(page, png) {
  const { width, data } = await page.evaluate(async (text) => {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const picture = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
    const canvas = new OffscreenCanvas(picture.width, picture.height);
    const context = canvas.getContext('2d');
    context.drawImage(picture, 0, 0);
    const all = context.getImageData(0, 0, picture.width, picture.height).data;
    let binary = '';
    for (let at = 0; at < all.length; at += 32768) {
      binary += String.fromCharCode(...all.subarray(at, at + 32768));
    }
    return { width: picture.width, data: btoa(binary) };
  }, png.toString('base64'));
  return { width, data: Buffer.from(data, 'base64') };
}

const part = (colour, shift) => (colour >> shift) & 255;

function distance(a, b) {
  const by = (shift) => (part(a, shift) - part(b, shift)) ** 2;
  return 2 * by(16) + 4 * by(8) + by(0);
}

/** The PNG of pixels, with a palette. */
export function withPalette({ width, data }) {
  const height = data.length / 4 / width;
  const colourAt = (at) => (data[at * 4] << 16) | (data[at * 4 + 1] << 8) | data[at * 4 + 2];
  const count = new Map();
  for (let at = 0; at < width * height; at += 1) {
    count.set(colourAt(at), (count.get(colourAt(at)) ?? 0) + 1);
  }
  const palette = [...count]
    .sort((a, b) => b[1] - a[1])
    .slice(0, COLOURS)
    .map(([colour]) => colour);
  const place = new Map();
  for (const colour of count.keys()) {
    let best = 0;
    palette.forEach((other, i) => {
      if (distance(colour, other) < distance(colour, palette[best])) best = i;
    });
    place.set(colour, best);
  }
  // Each row begins with its filter, which is none.
  const rows = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) rows[y * (width + 1) + 1 + x] = place.get(colourAt(y * width + x));
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 3, 0, 0, 0], 8);
  const colours = Buffer.from(palette.flatMap((c) => [part(c, 16), part(c, 8), part(c, 0)]));
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  const body = [
    ['IHDR', head],
    ['PLTE', colours],
    ['IDAT', deflateSync(rows, { level: 9 })],
    ['IEND', Buffer.alloc(0)],
  ];
  return Buffer.concat([signature, ...body.map(([name, bytes]) => chunk(name, bytes))]);
}

function chunk(name, bytes) {
  const out = Buffer.alloc(12 + bytes.length);
  out.writeUInt32BE(bytes.length, 0);
  out.write(name, 4, 'latin1');
  bytes.copy(out, 8);
  out.writeUInt32BE(crc32(out.subarray(4, 8 + bytes.length)), 8 + bytes.length);
  return out;
}
