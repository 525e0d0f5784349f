/** A journey without a mouse. */
import { expect, test } from 'vitest';
import { FAILED, FULL, SERVED } from './support/events';
import { ADMIN } from './support/server';
import { address, asks, clipboard, idle, number, openTab, parameter, ready, rows, says } from './support/tab';

test('keyboard alone: find, read, look around, select, follow, go through the views', async () => {
  expect(ADMIN).toBeTruthy();
  const { page } = await openTab();
  const key = (...keys: string[]) =>
    keys.reduce((p, k) => p.then(() => page.keyboard.press(k)), Promise.resolve());
  const focused = () => page.evaluate(() => document.activeElement?.textContent?.trim() ?? '');
  const inList = () => page.evaluate(() => document.activeElement?.classList.contains('list'));
  const current = page.locator('.row.cur');
  await page.goto(address('explore'));
  await ready(page);

  await key('/');
  await page.keyboard.type('app:(nginx OR postgres OR sshd)');
  await key('Enter');
  await asks(page, 'app:(nginx OR postgres OR sshd)');
  await says(page.locator('.resline'), `${FAILED + SERVED + FULL} events`);
  expect(await inList()).toBe(true);
  await key('j', 'j', 'k', 'j');
  expect(await current.getAttribute('aria-rowindex')).toBe('3');
  expect(await page.locator('.list').getAttribute('aria-activedescendant')).toBe(
    await current.getAttribute('id'),
  );
  await key('e');
  await says(current, 'No space left on device');
  await key('e', 'e', 'E');
  await says(current, 'could not write block 1');

  await key('Enter');
  const detail = page.locator('.det');
  await detail.locator('.rail dl').waitFor();
  // Tab goes into the open row; its views are one stop that arrow keys walk.
  for (let n = 0; n < 60 && (await focused()) !== 'Fields'; n += 1) await key('Tab');
  await key('ArrowRight');
  expect(await focused()).toBe('JSON');
  await says(detail, 'The event');
  await key('Escape');
  await number(detail, 0);

  await key('c');
  await says(page.locator('.ctxbar'), 'Lines around');
  await says(page.locator('.row.anchor'), 'could not write block 1');
  await key('Escape');
  await number(page.locator('.ctxbar'), 0);
  await key('x', 'j', 'x');
  await says(page.locator('.resline'), '2 selected');
  await key('y');
  await expect.poll(() => clipboard(page)).toMatch(/^[^\n]+\n[^\n]+$/);
  await key('Escape');
  await expect.poll(() => page.locator('.resline').innerText()).not.toContain('selected');
  await key('G');
  await expect.poll(async () => Number(await current.getAttribute('aria-rowindex'))).toBe(104);
  await key('g');
  await expect.poll(async () => Number(await current.getAttribute('aria-rowindex'))).toBe(2);

  const from = parameter(page, 'from') ?? '';
  await key('[');
  await expect.poll(() => Date.parse(parameter(page, 'from') ?? '')).toBeLessThan(Date.parse(from));
  await key(']');
  // Half of a range is rounded to a millisecond.
  await expect
    .poll(() => Math.abs(Date.parse(parameter(page, 'from') ?? '') - Date.parse(from)))
    .toBeLessThan(3);
  await idle(page);
  await key('z');
  await expect.poll(() => parameter(page, 'from')).not.toBe(from);
  await idle(page);
  await key('f');
  await says(page.locator('.qbar'), 'Following');
  await key('Space');
  await says(page.locator('.qbar'), 'Paused');
  await key('f');
  await expect.poll(() => parameter(page, 'tail')).toBeNull();
  await key('?');
  await says(page.locator('dialog'), 'Keys and syntax');
  await key('Escape');
  await number(page.locator('dialog'), 0);

  // The bars: arrow keys walk, Enter zooms.
  await page.locator('.plot').focus();
  await key('End', 'ArrowLeft', 'ArrowRight', 'Enter');
  await idle(page);

  // A menu: opened, walked, closed by keys; the focus comes back.
  await page.locator('.resline').getByRole('button', { name: 'Export' }).focus();
  await key('Enter', 'ArrowDown', 'ArrowUp', 'Escape');
  expect(await focused()).toBe('Export');

  for (const view of ['Patterns', 'Status', 'Rescue', 'Settings']) {
    await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
    for (let n = 0; n < 20 && (await focused()) !== view; n += 1) await key('Tab');
    await key('Enter');
    await says(page.locator('h1'), view);
  }
  // Every row and its buttons can be had by keys.
  const stops = await page.evaluate(() => {
    const all = [...document.querySelectorAll<HTMLElement>('main a, main button, main input')];
    return all.filter((el) => el.tabIndex < 0 && el.offsetParent !== null).length;
  });
  expect(stops).toBe(0);
  expect(await rows(page).count()).toBe(0);
});
