/** Events that want the page to run, load or show what it must not: in every field and in every view. */
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { CORPUS, HOSTILE } from './support/hostile';
import { Asker } from './support/server';
import { address, asks, idle, openTab, ready, rows, says, type Tab, visit } from './support/tab';

/** Elements of the page that no part of it makes. */
const FOREIGN =
  'iframe, object, embed, base, template, math, video, audio, source, form[action], meta[http-equiv], ' +
  'body style, body link, .xss, [onerror], [onload], [onclick], [onmouseover], [onfocus], [ontoggle], ' +
  '[onbegin], [srcdoc], img, animate, a[href^="javascript:" i], [autofocus], body script';

/** Nothing of an event is an element. What ran or was asked for, the tab itself complains of. */
async function harmless(page: Page): Promise<void> {
  expect(
    await page.locator(FOREIGN).evaluateAll((all) => all.map((el) => el.outerHTML.slice(0, 200))),
  ).toEqual([]);
  expect(await page.locator('script').count()).toBe(1);
  // Nothing is drawn over the page, and no mark turns its neighbours.
  // The box of the query has what was typed, and the colours under it the same text.
  const turned = await page.evaluate(() => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const odd = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;
    const found: string[] = [];
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const typed = node.parentElement?.closest('.qbox');
      if (!typed && odd.test(node.textContent ?? ''))
        found.push(`${node.parentElement?.outerHTML.slice(0, 200)}`);
    }
    return found;
  });
  expect(turned).toEqual([]);
}

const columns = [
  'host',
  'app',
  'tag',
  ...CORPUS.slice(0, 8).map((v) => v.replace(/[%,]/g, encodeURIComponent)),
];

async function rowsOf(more: Record<string, string> = {}): Promise<Tab> {
  return visit('explore', { q: `${HOSTILE} hostile:<1000`, ...more });
}

describe('hostile events', () => {
  test('as host, program, message, tag, name and value of fields: the list', async () => {
    const { page } = await rowsOf({ cols: columns.join(',') });
    await says(page.locator('.resline'), `${CORPUS.length} events`);
    await says(rows(page).first(), 'in message');
    await harmless(page);
    await page.getByRole('button', { name: 'Wrap' }).click();
    await harmless(page);
  });

  test('each opened: fields, JSON, raw line', async () => {
    const { page } = await rowsOf();
    const list = page.locator('.list');
    await list.focus();
    for (const [n] of CORPUS.entries()) {
      await page.keyboard.press('j');
      await page.keyboard.press('Enter');
      const detail = page.locator('.det');
      await detail.locator('.ftab .r').first().waitFor();
      await says(detail.locator('.ftab .k'), 'hostile');
      await harmless(page);
      for (const tab of ['JSON', 'Raw']) await detail.getByRole('tab', { name: tab }).click();
      if (n % 8 === 0) {
        await detail.getByRole('tab', { name: 'JSON' }).click();
        await harmless(page);
      }
      await list.focus();
      await page.keyboard.press('Escape');
      await expect.poll(() => detail.count()).toBe(0);
    }
  });

  test('a click on each value asks for it and finds it', async () => {
    const { page } = await rowsOf();
    const found = new Set<string>();
    for (const n of [0, 2, 7, 27, 28, 29, 30, 33, 34, 36, 38]) {
      await page.goto(address('explore', { q: `hostile:${n}` }));
      await asks(page, `hostile:${n}`);
      await says(page.locator('.resline'), '1 event');
      await rows(page).first().locator('.msg').click();
      const detail = page.locator('.det');
      await detail.locator('.rail dl').waitFor();
      await detail
        .locator('.ftab .r', { has: page.locator('.k', { hasText: /^host$/ }) })
        .getByRole('button')
        .first()
        .click();
      await asks(page, new RegExp(`^hostile:${n} host:`));
      await says(page.locator('.resline'), '1 event');
      found.add(page.url());
      await harmless(page);
    }
    expect(found.size).toBe(11);
  });

  test('the list of fields, their values, and bars by each of them', async () => {
    const { page } = await rowsOf();
    await page
      .locator('.fld .head[aria-expanded=false]')
      .evaluateAll((all) => all.slice(0, 30).forEach((head) => void (head as HTMLElement).click()));
    await page.locator('.val').nth(30).waitFor();
    await idle(page);
    await harmless(page);
    for (const v of [CORPUS[0], CORPUS[1], CORPUS[27], '__proto__', 'constructor', 'host']) {
      await page.goto(address('explore', { q: HOSTILE, by: v ?? '' }));
      await idle(page);
      await page.locator('.leg button').first().waitFor();
      await page.locator('.plot').hover();
      await harmless(page);
    }
  });

  test('completion of their names and values', async () => {
    const { page } = await rowsOf();
    const box = page.locator('#q');
    for (const typed of ['script', 'host:<', 'app:"', 'tag:x']) {
      await box.fill('');
      await box.pressSequentially(typed);
      await page.locator('#choices [role=option]').first().waitFor();
      await harmless(page);
    }
  });

  test('context, comparison, selection', async () => {
    const { page } = await rowsOf();
    await page.keyboard.press('j');
    await page.keyboard.press('c');
    await says(page.locator('.ctxbar'), 'Lines around');
    await page.getByRole('button', { name: 'all hosts' }).click();
    await rows(page).nth(5).waitFor();
    await harmless(page);
    await page.keyboard.press('Escape');
    await page.locator('.pick input').nth(2).click();
    await page.locator('.pick input').nth(3).click();
    await page.getByRole('button', { name: 'Compare' }).click();
    await page.locator('dialog tbody tr').nth(2).waitFor();
    await harmless(page);
    await page.keyboard.press('Escape');
    await page.keyboard.press('?');
    await page.locator('dialog .examples button').first().waitFor();
    await harmless(page);
  });

  test('examples of patterns, and what changed', async () => {
    const { page } = await visit('patterns', { q: `${HOSTILE} hostile:<1000` });
    await page.locator('.pat').nth(20).waitFor();
    await harmless(page);
    await page.goto(address('patterns/changed', { q: `${HOSTILE} hostile:<1000` }));
    await page.locator('tbody tr').nth(5).waitFor();
    await harmless(page);
  });

  test('through rsyslog: host, program, structured data, message', async () => {
    const { page } = await visit('explore', { q: 'hostile@32473.v:*', cols: 'host,app,hostile@32473.v' });
    await rows(page).nth(20).waitFor();
    await harmless(page);
    await rows(page).nth(3).locator('.msg').click();
    await page.locator('.det .rail dl').waitFor();
    await harmless(page);
  });

  test('as the query, in the title, the message of an error and the history', async () => {
    const tab = await rowsOf();
    const { page } = tab;
    for (const v of CORPUS.filter((_, n) => n % 4 === 0 || n === 29)) {
      await page.locator('#q').fill(v);
      await page.locator('#q').press('Enter');
      await idle(page);
    }
    await harmless(page);
    await page.locator('#q').fill('');
    await says(page.locator('#choices'), 'Recent');
    await harmless(page);
    tab.expected.push(/status of 400/);
    for (const v of [CORPUS[0], CORPUS[2], CORPUS[27], CORPUS[28]]) {
      await page.goto(address('explore', { q: `${v} (` }));
      await says(page.locator('.empty, .resline'), /cannot be read|closed|from before/);
      await harmless(page);
    }
  });

  test('as names of saved searches, in the menu, the box and the settings', async () => {
    const who = new Asker();
    const kept: string[] = [];
    for (const v of CORPUS) {
      const made = await who.send('POST', 'saved', { name: v, q: 'app:sshd' });
      if (made.ok) kept.push(v);
      else expect(made.status).toBe(400);
    }
    expect(kept.length).toBeGreaterThan(20);
    const tab = await openTab();
    const { page } = tab;
    await page.goto(address('settings/saved'));
    await says(page.locator('tbody'), CORPUS[0] ?? '');
    await harmless(page);
    await page.goto(address('explore'));
    await ready(page);
    await page.getByRole('button', { name: 'Saved searches' }).click();
    await says(page.locator('.pop'), CORPUS[1] ?? '');
    await harmless(page);
    await page.locator('.pop button', { hasText: CORPUS[1] }).click();
    await asks(page, 'app:sshd');
    await page.goto('about:blank');
    await page.goto(`${tab.base}#/explore?view=${encodeURIComponent(CORPUS[0] ?? '')}`);
    await asks(page, 'app:sshd');
    await page.goto(address('settings/saved'));
    await page.locator('tbody tr', { hasText: CORPUS[0] }).getByRole('button', { name: 'Remove' }).click();
    await says(page.locator('dialog'), 'Others see it too');
    await harmless(page);
    await page.locator('dialog .bad').click();
    await expect.poll(() => page.locator('tbody').innerText()).not.toContain(CORPUS[0] ?? '');
    await Promise.all(kept.map((v) => who.send('DELETE', `saved/${encodeURIComponent(v)}`)));
  });
});

describe('very large events', () => {
  test('64 KiB in a line, 10,000 fields, JSON 1,000 deep: every view still works', async () => {
    const { page } = await visit('explore', { q: 'hostile:>=1000' });
    await says(page.locator('.resline'), '18 events');
    for (let n = 0; n < 18; n += 1) {
      await page.locator('.list').focus();
      await page.keyboard.press('j');
      await page.keyboard.press('Enter');
      const detail = page.locator('.det');
      await detail.locator('.rail dl').waitFor();
      for (const tab of ['JSON', 'Raw', 'Fields']) await detail.getByRole('tab', { name: tab }).click();
      await page.locator('.list').focus();
      await page.keyboard.press('Escape');
      await expect.poll(() => detail.count()).toBe(0);
    }
    await harmless(page);
    await page.getByRole('button', { name: 'Wrap' }).click();
    await says(page.locator('.side'), /more fields/);
    await says(page.locator('.side'), 'Not all: the events have more than 4096 custom fields');
    await page.goto(address('patterns', { q: 'hostile:>=1000' }));
    await page.locator('.pat').nth(3).waitFor();
    await harmless(page);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(1440);
  });
});
