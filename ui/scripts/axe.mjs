// Opens every view of a running page in Chromium, in light and dark and two widths, and lists what axe-core
// finds, what breaks the content security policy, and what is written to the console.
//   node scripts/axe.mjs [URL]     (LOGGR_SHOTS=DIR keeps a picture of each;
// LOGGR_VIEWS=status,rescue and LOGGR_LOOKS=420-dark choose)
import { readFileSync } from 'node:fs';
import { chromium } from 'playwright-core';

const base = process.argv[2] ?? 'http://127.0.0.1:8080/';
const shots = process.env.LOGGR_SHOTS;
const axe = readFileSync(new URL('../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');

const ROW = 'click .row >> nth=1';
/** Name, address, and what is done there first. */
const VIEWS = [
  ['explore', '#/explore'],
  ['explore-day', '#/explore?q=&from=now-24h&to=now&by=host'],
  ['open-row', '#/explore', ROW],
  ['json', '#/explore', ROW, 'click role=tab[name="JSON"]'],
  ['raw', '#/explore', ROW, 'click role=tab[name="Raw"]'],
  ['context', '#/explore', 'click .row >> nth=3', 'press c'],
  ['select', '#/explore', 'press j', 'press x', 'press j', 'press x'],
  ['compare', '#/explore', 'press j', 'press x', 'press j', 'press x', 'click text=Compare'],
  ['help', '#/explore', 'press ?'],
  ['completion', '#/explore', 'press /', 'type app:'],
  ['query-error', '#/explore', 'press /', 'type app:(a OR', 'press Enter'],
  ['nothing', '#/explore?q=app%3Asshd+nosuchword&from=now-1h&to=now'],
  ['no-data', '#/explore?q=&from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z'],
  ['time', '#/explore', 'click .tp'],
  ['look', '#/explore', 'click role=button[name="View"]'],
  ['save', '#/explore', 'click role=button[name="Saved searches"]', 'click text=Save this search'],
  ['tail', '#/explore?q=&from=now-15m&to=now&tail=1'],
  ['patterns', '#/patterns?q=&from=now-1h&to=now'],
  ['changed', '#/patterns/changed?q=&from=now-15m&to=now'],
  ['status', '#/status', 'wait 2500'],
  ['rescue', '#/rescue'],
  ['discard', '#/rescue', 'click text=Discard… >> nth=0'],
  ['upload', '#/upload'],
  ['saved', '#/settings/saved'],
  ['users', '#/settings/users'],
  ['new-user', '#/settings/users', 'click text=New user'],
  ['roles', '#/settings/roles'],
  ['tokens', '#/settings/tokens'],
  ['first', '#/first?code=abc'],
];

async function act(page, step) {
  const [verb, ...rest] = step.split(' ');
  const what = rest.join(' ');
  if (verb === 'click') await page.click(what, { timeout: 4000 });
  else if (verb === 'press') await page.keyboard.press(what);
  else if (verb === 'type') await page.keyboard.type(what);
  else await page.waitForTimeout(Number(what));
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});
const views = process.env.LOGGR_VIEWS?.split(',');
const looks = process.env.LOGGR_LOOKS?.split(',');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
let found = 0;
for (const look of ['1440-light', '1440-dark', '420-light', '420-dark']) {
  if (looks && !looks.includes(look)) continue;
  const [width, colorScheme] = look.split('-');
  const context = await browser.newContext({ viewport: { width: Number(width), height: 900 }, colorScheme });
  const page = await context.newPage();
  let view = '';
  const say = (what) => {
    found += 1;
    console.log(`${view} ${look}: ${what}`);
  };
  page.on(
    'console',
    (m) => ['error', 'warning'].includes(m.type()) && say(`console: ${m.text().slice(0, 300)}`),
  );
  page.on('pageerror', (e) => say(`error: ${String(e.stack ?? e).slice(0, 500)}`));
  for (const [name, hash, ...steps] of VIEWS) {
    if (views && !views.includes(name)) continue;
    view = name;
    await page.goto('about:blank');
    await page.goto(base + hash);
    await page.waitForSelector('.row, .empty, .page, .gate', { timeout: 8000 }).catch(() => undefined);
    await page.waitForTimeout(300);
    try {
      for (const step of steps) await act(page, step);
    } catch (error) {
      // A phone leaves some of this out.
      if (width !== '420') say(`cannot be done: ${error.message.slice(0, 200)}`);
    }
    await page.waitForTimeout(400);
    if (shots) await page.screenshot({ path: `${shots}/${name}-${look}.png` });
    await page.evaluate(axe);
    const result = await page.evaluate((rules) => globalThis.axe.run({ runOnly: rules }), RULES);
    for (const v of result.violations) {
      const [first] = v.nodes;
      const why = first.failureSummary?.replace(/\s+/g, ' ').slice(0, 220);
      say(`${v.impact} ${v.id}: ${v.nodes.length} × ${first.target.join(' ')} ${why}`);
    }
  }
  await context.close();
}
await browser.close();
console.log(found ? `${found} findings` : 'nothing found');
process.exit(found ? 1 : 0);
