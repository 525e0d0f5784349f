// The hash of all sources, the lockfile and the settings of the build. `write` puts it beside the built
// page, `check` says whether the built page belongs to these sources. Needs nothing but Node.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = new URL('..', import.meta.url).pathname;
const stamp = join(root, 'dist', 'sources.sha256');
const SINGLE = ['index.html', 'package.json', 'package-lock.json', 'tsconfig.json', 'vite.config.ts'];

/** Names are sorted by bytes and part of the hash, so that it does not depend on the machine. */
function hash() {
  const below = (dir) =>
    readdirSync(join(root, dir), { recursive: true, withFileTypes: true })
      .filter((f) => f.isFile() && !f.name.endsWith('.test.ts'))
      .map((f) => join(f.parentPath, f.name).slice(root.length));
  const names = [...SINGLE, ...below('src'), ...below('public')].sort();
  const all = createHash('sha256');
  for (const name of names) {
    const own = createHash('sha256')
      .update(readFileSync(join(root, name)))
      .digest('hex');
    all.update(`${own}  ${name}\n`);
  }
  return all.digest('hex');
}

const [word] = process.argv.slice(2);
if (word === 'write') writeFileSync(stamp, `${hash()}\n`);
else if (word === 'check') {
  const kept = existsSync(stamp) ? readFileSync(stamp, 'utf8').trim() : 'none';
  if (kept !== hash()) {
    console.error('error: `ui/dist` was not built from these sources\nhint: `make ui` builds it');
    process.exit(1);
  }
} else {
  console.error('usage: node scripts/stamp.mjs write|check');
  process.exit(2);
}
