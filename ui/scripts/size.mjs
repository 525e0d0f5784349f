// Holds the built page to its limits: what the first load fetches, and all of it, as brotli makes it.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';

const FIRST_LOAD_BYTES = 120_000;
const ALL_BYTES = 200_000;

const dist = new URL('../dist/', import.meta.url).pathname;
const files = readdirSync(dist, { recursive: true, withFileTypes: true })
  .filter((f) => f.isFile() && f.name !== 'sources.sha256')
  .map((f) => join(f.parentPath, f.name));
const size = (path) => brotliCompressSync(readFileSync(path)).length;
const html = readFileSync(join(dist, 'index.html'), 'utf8');
const first = files.filter((f) => f.endsWith('index.html') || html.includes(f.slice(dist.length)));
const sum = (list) => list.reduce((n, f) => n + size(f), 0);

for (const f of files) console.log(`${String(size(f)).padStart(8)}  ${f.slice(dist.length)}`);
let failed = false;
for (const [name, bytes, limit] of [
  ['first load', sum(first), FIRST_LOAD_BYTES],
  ['all of it', sum(files), ALL_BYTES],
]) {
  const over = bytes > limit;
  failed ||= over;
  console.log(`${name}: ${bytes} bytes of at most ${limit}${over ? ': TOO MUCH' : ''}`);
}
process.exit(failed ? 1 : 0);
