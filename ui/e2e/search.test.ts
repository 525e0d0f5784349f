/** Explore: the query, the range, the bars, the fields, and what is said where nothing is found. */
import { describe, expect, test } from 'vitest';
import { FAILED, FULL } from './support/events';
import { Asker } from './support/server';
import {
  address,
  asks,
  clickOver,
  colour,
  hold,
  idle,
  number,
  openTab,
  parameter,
  ready,
  rows,
  says,
  search,
  visit,
} from './support/tab';

const QUERY = '#q';
const choice = '#choices [role=option]';

describe('row 1: one box, Enter runs', () => {
  test('colours by our own parser', async () => {
    const { page } = await visit('explore');
    await search(page, 'app:sshd "Failed password" -port AND severity:>=warning');
    const painted = page.locator('.qbox pre');
    await says(painted.locator('.q-f').first(), 'app:');
    await says(painted.locator('.q-s').first(), '"Failed password"');
    await says(painted.locator('.q-n').first(), '-');
    await says(painted.locator('.q-o').first(), 'AND');
    expect((await painted.textContent())?.replace('\u200b', '')).toBe(await page.inputValue(QUERY));
  });

  test('an error under its column with the words of the parser', async () => {
    const { page } = await visit('explore');
    const wrong = 'app:sshd (web1 OR web2';
    const answer = await new Asker().get<{ error: { detail: string; column: number } }>('parse', {
      q: wrong,
    });
    await page.locator(QUERY).pressSequentially(wrong);
    await says(page.locator('.qbox pre .q-f'), 'app:');
    expect(await page.locator('.qmsg').count()).toBe(0);
    await page.locator(QUERY).press('Enter');
    await says(page.locator('#qmsg'), `Column ${answer.error.column}`);
    await says(page.locator('#qmsg'), answer.error.detail.replaceAll('`', ''));
    expect(answer.error.column).toBe(10);
    expect(await page.locator(QUERY).evaluate((box: HTMLTextAreaElement) => box.selectionStart)).toBe(9);
    await says(page.locator('.qbox pre .q-e'), '(');
    // What was found before stays, and so does its address.
    expect(await rows(page).count()).toBeGreaterThan(10);
    expect(parameter(page, 'q')).toBeNull();
  });

  test('while the query is broken, the rows of the one before are dim and say whose they are', async () => {
    const { page } = await visit('explore', { q: 'app:sshd' });
    const message = rows(page).locator('.msg');
    const bright = await colour(message);
    await page.locator(QUERY).fill('app:(sshd OR');
    await page.locator(QUERY).press('Enter');
    await says(page.locator('.resline'), /Not searched\s+Still shown: what app:sshd found/);
    expect(await colour(message)).not.toBe(bright);
    await page.getByRole('button', { name: 'Back to it' }).click();
    expect(await page.inputValue(QUERY)).toBe('app:sshd');
    await says(page.locator('.resline'), `${FAILED} events`);
    expect(await colour(message)).toBe(bright);
    // An address that asks it, too.
    const tab = await visit('explore', { q: 'app:sshd' });
    tab.expected.push(/status of 400/);
    await tab.page.goto(address('explore', { q: 'app:(sshd OR' }));
    await says(tab.page.locator('.resline'), 'Still shown: what app:sshd found');
    await tab.page.getByRole('button', { name: 'Back to it' }).click();
    await asks(tab.page, 'app:sshd');
    await says(tab.page.locator('.resline'), `${FAILED} events`);
  });

  test('an address with a wrong query says it too', async () => {
    const tab = await openTab();
    tab.expected.push(/status of 400/);
    const { page } = tab;
    await page.goto(address('explore', { q: '(a OR' }));
    await says(page.locator('.empty'), /The query cannot be read/);
    await says(page.locator('.empty'), /Column \d+/);
  });

  test('completion of fields and values', async () => {
    const { page } = await visit('explore');
    const box = page.locator(QUERY);
    await box.pressSequentially('log');
    await page.locator(choice, { hasText: 'login@32473.user:' }).waitFor();
    await box.fill('');
    await box.pressSequentially('ap');
    await page.locator(choice, { hasText: 'app:' }).first().waitFor();
    await box.press('ArrowDown');
    await box.press('Tab');
    expect(await box.inputValue()).toBe('app:');
    await box.pressSequentially('ss');
    await page.locator(choice, { hasText: 'sshd' }).waitFor();
    await says(page.locator(choice).first(), `${FAILED} events`);
    await box.press('ArrowDown');
    await box.press('Tab');
    expect((await box.inputValue()).trim()).toBe('app:sshd');
    await box.press('Enter');
    await asks(page, 'app:sshd');
  });

  test('history and saved searches are offered in the empty box', async () => {
    const who = new Asker();
    await who.send('POST', 'saved', { name: 'Full disks', q: 'severity:crit' });
    const { page } = await visit('explore');
    await search(page, 'app:nginx');
    await search(page, 'app:cron');
    const box = page.locator(QUERY);
    await box.fill('');
    await says(page.locator('#choices'), /Recent\s+app:cron\s+app:nginx/);
    await page.locator(choice, { hasText: 'Full disks' }).click();
    await asks(page, 'severity:crit');
    await number(rows(page), FULL);
    await who.send('DELETE', 'saved/Full%20disks');
  });
});

describe('row 2: range', () => {
  test('the page opens on the last 15 minutes', async () => {
    const tab = await openTab();
    const asked = tab.page.waitForRequest(/\/api\/search\?/);
    await tab.page.goto(tab.base);
    await ready(tab.page);
    const p = new URL((await asked).url()).searchParams;
    const length = Date.parse(p.get('to') ?? '') - Date.parse(p.get('from') ?? '');
    expect(length).toBe(15 * 60_000);
    await says(tab.page.locator('.tp'), 'Last 15 minutes');
  });

  test('last 5 m … 30 d, absolute, now-1h, typed', async () => {
    const { page } = await visit('explore', { q: 'app:sshd' });
    await page.click('.tp');
    await says(page.locator('.pop'), /Last 5 minutes[\s\S]+Last 30 days/);
    await page.getByText('Last hour').click();
    await expect.poll(() => parameter(page, 'from')).toBe('now-1h');
    await number(rows(page).first(), 1);
    await page.click('.tp');
    await page.fill('[name=from]', 'now-2d');
    await page.fill('[name=to]', 'now-1d');
    await page.click('text=Apply');
    await expect.poll(() => parameter(page, 'to')).toBe('now-1d');
    await page.click('.tp');
    await page.fill('[name=from]', '2026-01-02 03:04');
    await page.fill('[name=to]', '2026-01-03');
    await page.click('text=Apply');
    await expect.poll(() => parameter(page, 'from')).toBe('2026-01-02T03:04:00.000Z');
    expect(parameter(page, 'to')).toBe('2026-01-03T00:00:00.000Z');
    await page.click('.tp');
    await page.fill('[name=from]', 'soon');
    await page.click('text=Apply');
    await says(page.locator('.pop [role=alert]'), 'is not a time');
  });

  test('half-open: what lies at its end is not in it, what lies at its start is', async () => {
    const at = await new Asker().get<{ events: { timegenerated: string }[] }>('search', { q: 'rare_flag:*' });
    const moment = at.events[0]?.timegenerated ?? '';
    const { page } = await visit('explore', {
      q: 'app:cron',
      from: moment,
      to: new Date(Date.parse(moment) + 1).toISOString(),
    });
    await number(rows(page), 1);
    await page.goto(
      page.url().replace(/from=[^&]+&to=[^&]+/, `from=2026-01-01T00:00:00Z&to=${encodeURIComponent(moment)}`),
    );
    await says(page.locator('.empty'), /Nothing/);
  });

  test('if nothing is there says where the newest data is and offers to go there', async () => {
    const { page } = await visit('explore', { from: '2020-01-01T00:00:00Z', to: '2020-01-02T00:00:00Z' });
    await says(page.locator('.empty'), 'Nothing in this range');
    await says(page.locator('.empty'), /The newest in the store is of \d{4}-/);
    await page.getByText(/Go to the newest data/).click();
    await rows(page).first().waitFor();
  });
});

describe('row 3: histogram', () => {
  test('stacked by severity or by any field (top values and the rest)', async () => {
    const { page } = await visit('explore', { q: 'app:(sshd OR nginx OR postgres)' });
    await says(page.locator('.leg'), /crit\s*3[\s\S]+warning\s*40[\s\S]+info\s*60/);
    await page.locator('.hist').getByRole('button', { name: 'by severity' }).click();
    await page.locator('.pop').getByRole('button', { name: 'app', exact: true }).click();
    await says(page.locator('.leg'), /nginx\s*60[\s\S]+sshd\s*40[\s\S]+postgres\s*3/);
    await page.locator('.hist').getByRole('button', { name: 'by app' }).click();
    await page.locator('.pop').getByRole('button', { name: 'login@32473.attempt' }).click();
    await says(page.locator('.leg'), /other\s*35\s*without it\s*63/);
    expect(parameter(page, 'by')).toBe('login@32473.attempt');
  });

  test('drag zooms, click on a bar, z and Back zoom out', async () => {
    const { page } = await visit('explore', { q: 'app:(cron OR smartd)' });
    const whole = parameter(page, 'from');
    const plot = page.locator('.plot');
    const box = (await plot.boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 };
    const drag = async (from: number, to: number) => {
      await page.mouse.move(box.x + box.width * from, box.y + 40);
      await page.mouse.down();
      await page.mouse.move(box.x + box.width * to, box.y + 40, { steps: 4 });
      await page.mouse.up();
    };
    const length = () => Date.parse(parameter(page, 'to') ?? '') - Date.parse(parameter(page, 'from') ?? '');
    const before = length();
    await drag(0.3, 0.8);
    await expect.poll(() => length() / before).toBeLessThan(0.6);
    await idle(page);
    await page.goBack();
    await expect.poll(() => parameter(page, 'from')).toBe(whole);
    await idle(page);
    // The highest bar is of the minutes in which the disk broke.
    const bars = await page.locator('.plot svg rect.sev3').all();
    const middle = (await bars[1]?.boundingBox()) ?? box;
    await page.mouse.click(middle.x + middle.width / 2, middle.y + 2);
    await expect.poll(length).toBeLessThanOrEqual(5 * 60_000);
    await idle(page);
    await says(rows(page).first(), 'smartd');
    const one = length();
    await page.keyboard.press('z');
    await expect.poll(length).toBeGreaterThan(one);
  });

  test('fills bar by bar when slow', async () => {
    const tab = await visit('explore', { q: 'app:nginx' });
    const { page } = tab;
    // The whole of it is never answered; the pieces that the page asks for then come when they may.
    const held = await hold(page, /\/api\/histogram/);
    await search(page, 'app:cron');
    await expect.poll(() => held.length).toBe(2);
    await held[1]?.continue();
    const hist = page.locator('.hist');
    await says(hist, 'filling');
    const filled = async () => !(await hist.innerText()).includes('filling');
    for (let piece = 2; !(await filled()); piece += 1) {
      await expect.poll(async () => held.length > piece || (await filled())).toBe(true);
      await held[piece]?.continue();
    }
    expect(held.length).toBeGreaterThan(4);
    await says(page.locator('.leg'), /info\s*360/);
  });
});

describe('row 4: field list', () => {
  const field = (page: import('playwright-core').Page, name: string) =>
    page.locator('.fld').filter({ has: page.locator('.head .cut', { hasText: new RegExp(`^${name}$`) }) });

  test('top values, share, number of values', async () => {
    const { page } = await visit('explore', { q: 'app:(sshd OR nginx)' });
    await says(field(page, 'app'), /nginx\s+60 ?%[\s\S]+sshd\s+40 ?%/);
    await says(field(page, 'app').locator('.head'), '2');
    await field(page, 'login@32473.attempt').locator('.head').click();
    await says(field(page, 'login@32473.attempt'), /35 more/);
    await says(field(page, 'login@32473.attempt'), /in 40 ?% of the events/);
  });

  test('click = include, Alt-click = exclude, exists', async () => {
    const { page } = await visit('explore');
    const value = (name: string) => page.locator('.val > button', { hasText: name });
    await value('sshd').click();
    await asks(page, 'app:sshd');
    await value('web1').click({ modifiers: ['Alt'] });
    await asks(page, 'app:sshd -host:web1');
    await says(page.locator('.resline'), `${FAILED / 2} events`);
    await page.goBack();
    await asks(page, 'app:sshd');
    await page.goBack();
    await asks(page, '');
    const exists = page.getByRole('button', { name: /Only where login@32473.user exists/ });
    await clickOver(field(page, 'login@32473.user'), exists);
    await asks(page, /login@32473\.user:\*/);
    await says(page.locator('.resline'), `${FAILED} events`);
  });

  test('for all fields of the hits, not of the first 100', async () => {
    const { page } = await visit('explore');
    // The oldest event of all has it, far below what is loaded.
    await says(field(page, 'rare_flag'), 'rare_flag');
    await field(page, 'rare_flag').locator('.head').click();
    await says(field(page, 'rare_flag'), 'seen once');
  });
});

describe('row 12: “nothing found” says why', () => {
  test('no data in the range', async () => {
    const { page } = await visit('explore', {
      q: 'app:sshd',
      from: '2020-01-01T00:00:00Z',
      to: '2020-01-02T00:00:00Z',
    });
    await says(page.locator('.empty'), /No event at all lies between/);
    await page.getByText(/Go to the nearest match/).click();
    await rows(page).first().waitFor();
  });

  test('no such field (nearest name)', async () => {
    const { page } = await visit('explore', { q: 'hots:web1' });
    await says(page.locator('.empty'), /No event has a field\s+hots/);
    await page.locator('.empty').getByText('Use host').click();
    await asks(page, 'host:web1');
    await rows(page).first().waitFor();
  });

  test('a word that is the name of a program', async () => {
    const { page } = await visit('explore', { q: 'smartd severity:err' });
    await says(page.locator('.empty'), /Words are looked for in messages. smartd is the app of \d+ events/);
    await page.getByRole('button', { name: 'Use app:smartd' }).click();
    await asks(page, 'severity:err app:smartd');
    await rows(page).first().waitFor();
  });

  test('all excluded by …', async () => {
    const { page } = await visit('explore', { q: 'app:nginx host:db1' });
    await says(page.locator('.why'), /app(_name)?:nginx\s+60 events\s+without it: \d+/);
    await page
      .locator('.why li', { hasText: ':db1' })
      .getByText(/without it/)
      .click();
    await asks(page, 'app:nginx');
    await rows(page).first().waitFor();
  });
});

describe('row 13: syntax help beside the box', () => {
  test('with examples from the reader’s own data', async () => {
    const { page } = await visit('explore', { q: 'app:sshd' });
    await page.getByRole('button', { name: /Keys and syntax/ }).click();
    const help = page.getByRole('dialog', { name: 'Keys and syntax' });
    await says(help, 'app:sshd -severity:debug');
    await help.getByText('app:sshd -severity:debug').click();
    await asks(page, 'app:sshd -severity:debug');
    await says(page.locator('.resline'), `${FAILED} events`);
  });
});
