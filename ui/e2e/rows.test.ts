/** Explore: the rows, one of them opened, and what can be done with them. */
import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { BROKEN, FAILED, ORDERS } from './support/events';
import { BASE } from './support/server';
import {
  asks,
  clickOver,
  clipboard,
  idle,
  number,
  openRow,
  parameter,
  ready,
  rows,
  says,
  visit,
} from './support/tab';

const heads = async (page: Page) =>
  (await page.locator('.lhead [role=columnheader] .cut').allTextContents()).map((t) => t.trim());

/** Ids of all rows from the first to the last, as they come into view. */
async function walk(page: Page): Promise<string[]> {
  const seen: string[] = [];
  const known = new Set<string>();
  const list = page.locator('.list');
  for (let at = 0; ; ) {
    const ids = await rows(page).evaluateAll((all) => all.map((row) => row.id));
    for (const id of ids) {
      if (!known.has(id)) seen.push(id);
      known.add(id);
    }
    expect(ids.length).toBeLessThan(150);
    const end = await list.evaluate((el) => el.scrollTop + el.clientHeight >= el.scrollHeight - 2);
    if (end && !(await page.getByText(/Load more|Loading more/).count())) return seen;
    at = await list.evaluate((el, from) => {
      el.scrollTop = Math.min(from + el.clientHeight * 0.8, el.scrollHeight);
      return el.scrollTop;
    }, at);
    await page.evaluate(
      () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))),
    );
  }
}

describe('row 5: rows', () => {
  test('newest first, virtual, stable paging without end', async () => {
    const { page } = await visit('explore', { q: 'app:(cron OR smartd OR nginx)' });
    await says(page.locator('.resline'), '660 events');
    await says(page.locator('.resline'), 'newest first');
    await says(rows(page).first(), 'GET /shop/');
    const seen = await walk(page);
    expect(seen.length).toBe(660);
    await says(page.locator('.more'), 'The range begins here');
  });

  test('time, severity (colour and letter), host, app, message', async () => {
    const { page } = await visit('explore', { q: 'app:postgres' });
    const row = rows(page).first();
    await says(row, /C\s*\d\d:\d\d:\d\d\.\d{3}\s+db1\s+postgres\s+could not write block/);
    const colour = (q: string) => row.locator(q).evaluate((el) => getComputedStyle(el).color);
    const crit = await colour('.sev');
    expect(await row.locator('.sev').getAttribute('aria-label')).toBe('crit');
    await page.goto(page.url().replace('postgres', 'nginx'));
    await says(row, 'GET /shop/');
    await says(row.locator('.sev'), 'I');
    expect(await colour('.sev')).not.toBe(crit);
  });

  test('columns chosen, moved, resized, remembered', async () => {
    const { page } = await visit('explore', { q: 'app:sshd' });
    expect(await heads(page)).toEqual(['Host', 'App']);
    const show = page.getByRole('button', { name: 'Show login@32473.user as a column' });
    await clickOver(page.locator('.fld', { hasText: 'login@32473.user' }), show);
    await says(rows(page).first(), /u\d/);
    const head = page.locator('.lhead [role=columnheader]');
    await head.filter({ hasText: 'login@32473.user' }).dragTo(head.filter({ hasText: 'Host' }));
    await expect.poll(() => heads(page)).toEqual(['login@32473.user', 'Host', 'App']);
    const grip = page.getByRole('separator', { name: 'Width of host' });
    const width = Number(await grip.getAttribute('aria-valuenow'));
    const box = (await grip.boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 };
    await page.mouse.move(box.x + 2, box.y + 5);
    await page.mouse.down();
    await page.mouse.move(box.x + 62, box.y + 5, { steps: 3 });
    await page.mouse.up();
    await expect.poll(async () => Number(await grip.getAttribute('aria-valuenow'))).toBe(width + 60);
    await grip.press('ArrowLeft');
    await grip.press('Shift+ArrowRight');
    await expect.poll(() => heads(page)).toEqual(['login@32473.user', 'App', 'Host']);
    await page.goto('about:blank');
    await page.goto(`${BASE}#/explore?q=app%3Asshd&from=now-1h&to=now`);
    await ready(page);
    expect(await heads(page)).toEqual(['login@32473.user', 'App', 'Host']);
    expect(Number(await grip.getAttribute('aria-valuenow'))).toBe(width + 44);
    const hide = { name: 'Hide column login@32473.user' };
    await page.locator('.lhead').getByRole('button', hide).click({ force: true });
    await expect.poll(() => heads(page)).toEqual(['App', 'Host']);
  });

  test('matches highlighted', async () => {
    const { page } = await visit('explore', { q: 'failed root OR "Failed password"' });
    await number(rows(page).first().locator('mark'), 1);
    expect(await rows(page).first().locator('mark').textContent()).toBe('Failed password');
  });

  test('wrap, ANSI colours removed, several lines shown as such', async () => {
    const { page } = await visit('explore', { q: 'app:(furnace OR billing)' });
    await says(rows(page).filter({ hasText: 'furnace' }).locator('.msg'), /^red alert of the furnace$/);
    const trace = rows(page).filter({ hasText: 'IllegalState' });
    await says(trace, '+2 lines');
    expect(await trace.innerText()).not.toContain('Rates.java');
    await page.getByRole('button', { name: 'Wrap' }).click();
    await says(trace, /no rate\n\s*at Rates\.of\(Rates\.java:7\)\n\s*at Bill\.make/);
  });
});

describe('row 6: a row opens in place', () => {
  test('every field with include, exclude, copy, add as column', async () => {
    const { page } = await visit('explore', { q: 'attempt OR Failed' });
    const detail = await openRow(page, 'from 10.0.0.7 port');
    for (const field of [
      'severity',
      'facility',
      'host',
      'app',
      'procid',
      'login@32473.user',
      'login@32473.attempt',
    ])
      await says(detail.locator('.ftab .k'), field);
    for (const field of ['message', 'received', 'reported']) await says(detail.locator('.ftab .k'), field);
    await detail.getByRole('button', { name: 'Copy login@32473.attempt' }).click();
    await expect.poll(() => clipboard(page)).toBe('7');
    await detail.getByRole('button', { name: 'Show or hide login@32473.attempt as a column' }).click();
    await expect.poll(() => heads(page)).toEqual(['Host', 'App', 'login@32473.attempt']);
    await detail.getByRole('button', { name: 'Without host web1' }).click();
    await asks(page, / -host:web1$/);
    await openRow(page, 'from 10.0.0.8 port');
    await page.locator('.det').getByRole('button', { name: 'Only login@32473.user u0' }).click();
    await asks(page, /login@32473\.user:u0$/);
    await says(page.locator('.resline'), '10 events');
  });

  test('JSON in the message as a tree', async () => {
    const { page } = await visit('explore', { q: 'app:shop' });
    await number(rows(page), ORDERS);
    await says(rows(page).first(), 'event=order');
    const detail = await openRow(page);
    await says(detail.locator('.ftab .k'), 'customer.city');
    await detail.getByRole('tab', { name: 'JSON' }).click();
    const tree = detail.locator('.card', { hasText: 'The message' }).locator('.tree');
    await says(tree, /customer\s*\{2\}[\s\S]+city\s*: Rome/);
    await tree.locator('summary', { hasText: 'customer' }).click();
    await expect.poll(() => tree.innerText()).not.toContain('Rome');
  });

  test('raw line, and its defects', async () => {
    const { page } = await visit('explore', { q: '"neither a time"' });
    const detail = await openRow(page);
    await says(detail.locator('.rail'), /defects/);
    await detail.getByRole('tab', { name: 'Raw' }).click();
    await says(detail, BROKEN);
  });

  test('two times that differ are explained', async () => {
    const { page } = await visit('explore', { q: 'app:late' });
    await says(await openRow(page), /reported[\s\S]+Δ written 1 h before it was received: it was late/);
    await page.keyboard.press('?');
    await says(page.locator('dialog'), /Signs in the rows[\s\S]+Δ\s+written and received at different times/);
  });

  test('from where (listener, peer), where it went', async () => {
    const { page } = await visit('explore', { q: 'app:nginx' });
    const detail = await openRow(page);
    const rail = detail.locator('.rail');
    await says(rail, /listener\s+relp\s+transport\s+relp\s+peer\s+127\.0\.0\.1/);
    await says(rail, 'no certificate');
    expect(await rail.innerText()).not.toMatch(/seal/i);
    await says(rail, 'Where it went');
    await says(rail.locator('.trail'), /Received[\s\S]+relp[\s\S]+Stored/i);
  });

  test('in place: the rows around it stay, and Like this finds its shape', async () => {
    const { page } = await visit('explore', { q: 'app:(nginx OR sshd)' });
    const detail = await openRow(page, 'GET /shop/5 ');
    expect(await rows(page).count()).toBeGreaterThan(5);
    await detail.getByRole('button', { name: 'Like this' }).click();
    await asks(page, /shape:[0-9a-f]{16}$/);
    await says(page.locator('.resline'), '60 events');
  });
});

describe('row 7: lines around a line', () => {
  test('same host, or same host and program, ignoring the query, more in both directions', async () => {
    const { page } = await visit('explore', { q: '"job 240 done"' });
    await number(rows(page), 1);
    const detail = await openRow(page);
    await detail.getByRole('button', { name: 'Context' }).click();
    await says(page.locator('.ctxbar'), 'the query is ignored');
    await says(page.locator('.row.anchor'), 'job 240 done');
    await says(page.locator('.ctxbar [aria-pressed=true]'), 'mail1 · cron');
    const list = page.locator('.list');
    const count = async () => Number(await list.getAttribute('aria-rowcount')) - 1;
    expect(await count()).toBe(41);
    const y = async () => (await page.locator('.row.anchor').boundingBox())?.y ?? 0;
    const before = await y();
    await page.getByText('50 later lines').click();
    await expect.poll(count).toBe(91);
    expect(Math.abs((await y()) - before)).toBeLessThan(40);
    await list.evaluate((el) => el.scrollTo(0, el.scrollHeight));
    await page.getByText('50 earlier lines').click();
    await expect.poll(count).toBe(141);
    expect(await rows(page).filter({ hasText: 'smartd' }).count()).toBe(0);
    await page.getByRole('button', { name: 'all hosts' }).click();
    await expect.poll(count).toBe(41);
    await page.getByRole('button', { name: 'all of mail1' }).click();
    await says(page.locator('.ctxbar [aria-pressed=true]'), 'all of mail1');
    await page.getByRole('button', { name: 'Back' }).click();
    await number(rows(page), 1);
  });
});

describe('row 10: select rows', () => {
  test('copy as text', async () => {
    const { page } = await visit('explore', { q: 'app:sshd' });
    await page.locator('.pick input').nth(1).click();
    await page
      .locator('.pick input')
      .nth(4)
      .click({ modifiers: ['Shift'] });
    await says(page.locator('.resline'), '4 selected');
    await page.getByRole('button', { name: 'Copy as text' }).click();
    await expect
      .poll(() => clipboard(page))
      .toMatch(/^(\d{4}-\d\d-\d\dT[\d:.]+Z web[12] sshd\[4242\]: Failed password for [^\n]+\n?){4}$/);
    await page.locator('.resline').getByRole('button', { name: 'Clear' }).click();
    await says(page.locator('.resline'), `${FAILED} events`);
  });

  test('export all hits as NDJSON, CSV or text, streamed, with a name that says what it is', async () => {
    const { page } = await visit('explore', { q: 'app:sshd' });
    const exported = async (format: string) => {
      await page.getByRole('button', { name: 'Export' }).click();
      await says(page.locator('.pop'), `All ${FAILED} events`);
      const coming = page.waitForEvent('download');
      await page.locator('.pop button', { hasText: format }).first().click();
      const download = await coming;
      return { name: download.suggestedFilename(), text: await readFile(await download.path(), 'utf8') };
    };
    const json = await exported('NDJSON');
    expect(json.name).toMatch(/^loggr-.*\d{4}-\d\d-\d\d.*\.ndjson$/);
    const events = json.text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { app_name: string });
    expect(events.length).toBe(FAILED);
    expect(events.every((event) => event.app_name === 'sshd')).toBe(true);
    const csv = await exported('CSV');
    expect(csv.name).toMatch(/^loggr-.*\.csv$/);
    const [first, ...others] = csv.text.trim().split('\r\n');
    expect(first).toBe('timegenerated,severity,host,app,message');
    expect(others.length).toBe(FAILED);
    const text = await exported('Text');
    expect(text.name).toMatch(/^loggr-.*\.txt$/);
    expect(text.text.trim().split('\n').length).toBe(FAILED);
  });
});

describe('row 14: time received or reported', () => {
  test('zone UTC or the browser’s, microseconds on demand, skew marked', async () => {
    const { page } = await visit('explore', { q: 'app:late' }, { timezone: 'Asia/Kolkata' });
    const time = rows(page).first().locator('.ts');
    const minute = async () => {
      const [h, m] = (await time.innerText()).split(':').map(Number);
      return (h ?? 0) * 60 + (m ?? 0);
    };
    const choose = async (group: string, name: string) => {
      await page.getByRole('button', { name: 'View', exact: true }).click();
      await page.getByRole('group', { name: group }).getByRole('button', { name }).click();
      await page.keyboard.press('Escape');
    };
    await says(page.locator('.lhead'), 'Received, UTC');
    await says(time, /^\d\d:\d\d:\d\d\.\d{3}\s*Δ$/);
    expect(await time.locator('.skew').getAttribute('title')).toMatch(/^written 1 h before/);
    const received = await minute();
    await choose('Time', 'Reported');
    await says(page.locator('.lhead'), 'Reported, UTC');
    const day = 24 * 60;
    expect((received - (await minute()) + day) % day).toBeGreaterThanOrEqual(59);
    expect((received - (await minute()) + day) % day).toBeLessThanOrEqual(61);
    await choose('Time', 'Received');
    await choose('Zone', 'Local');
    await says(page.locator('.lhead'), 'Received, local');
    expect(((await minute()) - received + day) % day).toBe(5 * 60 + 30);
    await choose('Digits', 'µs');
    await says(time, /\.\d{6}/);
  });
});

describe('row 15: fields that are equal in all rows', () => {
  test('can be hidden', async () => {
    const { page } = await visit('explore', { q: 'app:postgres' });
    await page.getByRole('button', { name: 'View', exact: true }).click();
    await page
      .getByRole('group', { name: 'The same in all rows' })
      .getByRole('button', { name: 'Hidden' })
      .click();
    await page.keyboard.press('Escape');
    await expect.poll(() => heads(page)).toEqual([]);
    await says(page.locator('.equal'), /In all 3 loaded rows:\s*host\s+db1\s*app\s+postgres/);
    const detail = await openRow(page);
    await says(detail, /fields are the same in all loaded rows and hidden/);
    await detail.getByRole('button', { name: 'Show them' }).click();
    await expect.poll(() => heads(page)).toEqual(['Host', 'App']);
  });

  test('compare two selected rows', async () => {
    const { page } = await visit('explore', { q: 'app:sshd' });
    await page.locator('.pick input').nth(1).click();
    await page.locator('.pick input').nth(2).click();
    await page.getByRole('button', { name: 'Compare' }).click();
    const dialog = page.getByRole('dialog', { name: 'Two events compared' });
    await says(dialog.locator('tbody'), /login@32473\.attempt\s+\d+\s+\d+/);
    await says(dialog, /fields are equal:[\s\S]+app/);
    await page.keyboard.press('Escape');
    await number(dialog, 0);
    await idle(page);
    expect(parameter(page, 'q')).toBe('app:sshd');
  });
});
