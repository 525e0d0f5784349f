// Measures the page in a real browser; `measure.py` starts it and says what. Times go to stdout as JSON.
import { createRequire } from 'node:module';
import { connect } from 'node:net';

const { chromium } = createRequire(`${process.cwd()}/package.json`)('playwright-core');
const told = JSON.parse(process.argv[2]);
const asRoot = process.getuid?.() === 0 ? ['--no-sandbox', '--disable-dev-shm-usage'] : [];
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [...asRoot, '--disable-gpu'],
});
const page = await (await browser.newContext({ viewport: { width: 1440, height: 900 } })).newPage();
const PATIENCE_MS = 60_000;

/** Waits until no search runs. */
const idle = () => page.waitForFunction(() => !document.querySelector('.prog, .list.stale'), null, { timeout: PATIENCE_MS });

/**
 * Does something in the page and waits until the answers of these endpoints are on the screen: for each,
 * milliseconds from the start of the doing to the frame after its last answer.
 */
function timed(endpoints, what, value) {
  return page.evaluate(
    async ([endpoints, what, value]) => {
      const frame = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
      performance.clearResourceTimings();
      const begin = performance.now();
      if (what === 'hash') location.hash = value;
      else document.querySelector('#q').dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }));
      const ends = {};
      const until = begin + 60_000;
      while (performance.now() < until) {
        await frame();
        const seen = performance.getEntriesByType('resource').filter((entry) => entry.startTime >= begin);
        for (const name of endpoints) {
          const of = seen.filter((entry) => new URL(entry.name).pathname.startsWith(`/api/${name}`));
          if (of.length && ends[name] === undefined && of.every((entry) => entry.responseEnd)) ends[name] = performance.now() - begin;
        }
        const quiet = !document.querySelector('.prog, .list.stale');
        if (quiet && endpoints.every((name) => ends[name] !== undefined)) return ends;
      }
      throw new Error(`not answered within a minute: ${JSON.stringify(ends)}`);
    },
    [endpoints, what, value],
  );
}

const times = {};
const note = (name, ms) => {
  times[name] ??= [];
  times[name].push(ms);
};

if (told.what === 'search') {
  await page.goto(`${told.url}#/explore?q=nothing&from=now-${told.days}d&to=now`);
  await page.locator('#q').waitFor();
  await idle();
  for (let run = 0; run < told.runs; run += 1) {
    for (const q of told.queries) {
      await page.locator('#q').fill(q);
      const ends = await timed(['search', 'histogram'], 'enter');
      const shown = await page.locator('.row').count();
      if (!shown) throw new Error(`no rows for \`${q}\``);
      note(`first rows of \`${q}\``, ends.search);
      note(`histogram of \`${q}\``, ends.histogram);
      await idle();
    }
    const day = await timed(['patterns'], 'hash', `#/patterns?q=&from=now-${run % 5 + 2}d&to=now-${run % 5 + 1}d`);
    note('patterns of a day', day.patterns);
    await idle();
    await page.goto(`${told.url}#/explore?q=nothing&from=now-${told.days}d&to=now`);
    await page.locator('#q').waitFor();
    await idle();
  }
}

if (told.what === 'tail') {
  await page.goto(`${told.url}#/explore?q=tailed&from=now-15m&to=now&tail=1`);
  await page.locator('#q').waitFor();
  const socket = connect({ host: '127.0.0.1', port: told.tcp });
  await new Promise((done) => socket.on('connect', done));
  // The first one says that the tail stands.
  for (let n = -1; n < told.runs; n += 1) {
    const token = `tailed number${n + 1}of${process.pid}`;
    const seen = page.waitForFunction((token) => [...document.querySelectorAll('.row')].some((row) => row.textContent.includes(token)) && Date.now(), token, { polling: 'raf', timeout: PATIENCE_MS });
    const begin = Date.now();
    const stamp = new Date().toISOString();
    socket.write(`<13>1 ${stamp} bench tail 1 - - ${token}\n`);
    const at = await (await seen).jsonValue();
    if (n >= 0) note('a line is seen', at - begin);
  }
  socket.end();
}

await browser.close();
process.stdout.write(JSON.stringify(times));
