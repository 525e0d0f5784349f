/** Patterns: similar lines as one row; what changed between two ranges. */
import { describe, expect, test } from 'vitest';
import { FAILED } from './support/events';
import { Asker } from './support/server';
import { asks, colour, number, parameter, ready, rows, says, visit } from './support/tab';

const pattern = (page: import('playwright-core').Page, text: string) =>
  page.locator('tbody tr').filter({ hasText: text });

describe('patterns', () => {
  test('count, share, sparkline, first and last seen, an example with the variable parts dim, severity', async () => {
    const { page } = await visit('patterns', { q: 'app:(sshd OR nginx)' });
    await says(page.locator('header'), /2 patterns stand for 100 events/);
    const failed = pattern(page, 'Failed password for');
    await says(failed.locator('td').first(), String(FAILED));
    await says(failed, /40 ?%/);
    await says(failed, /\d+ (s|min|m)[\s\S]+ago[\s\S]+ago/);
    await number(failed.locator('svg.spark'), 1);
    expect(await failed.locator('.sev').getAttribute('aria-label')).toBe('warning');
    const dim = await failed.locator('.pat i').allTextContents();
    expect(dim.length).toBe(3);
    expect(await colour(failed.locator('.pat i'))).not.toBe(await colour(failed.locator('.pat')));
  });

  test('include, exclude, open its lines', async () => {
    const { page } = await visit('patterns', { q: 'app:(sshd OR nginx)' });
    await pattern(page, 'Failed password').getByRole('button', { name: 'Without this pattern' }).click();
    await asks(page, / -shape:[0-9a-f]{16}$/);
    await number(pattern(page, 'Failed password'), 0);
    await page.goBack();
    await pattern(page, 'Failed password').getByRole('button', { name: 'Only this pattern' }).click();
    await asks(page, /[^-]shape:[0-9a-f]{16}$/);
    await number(page.locator('tbody tr'), 1);
    await page.getByRole('button', { name: 'Lines' }).click();
    await says(page.locator('.resline'), `${FAILED} events`);
    expect(new URL(page.url()).hash).toMatch(/^#\/explore/);
  });

  test('more of them are shown when they are asked for, and none says why', async () => {
    const { page } = await visit('patterns', { q: 'nosuchword app:sshd' });
    await says(page.locator('.empty'), 'Nothing matches');
    await says(page.locator('.why'), 'nosuchword');
  });
});

describe('what changed', () => {
  /** The minutes in which the disk broke. */
  const bad = async () => {
    const asked = { q: 'app:smartd', limit: '200' };
    const { events } = await new Asker().get<{ events: { timegenerated: string }[] }>('search', asked);
    const at = (n: number, more: number) =>
      new Date(Date.parse(events.at(n)?.timegenerated ?? '') + more).toISOString();
    return { from: at(-1, -1000), to: at(0, 1000) };
  };

  test('shapes and field values that are new, gone, grew, shrank, with their numbers', async () => {
    const { page } = await visit('patterns/changed', { q: 'app:(cron OR smartd)', ...(await bad()) });
    await says(page.locator('h1'), 'What changed');
    const disk = pattern(page, 'bad sectors');
    await says(disk.first(), /new\s+0\s+60/);
    expect(await disk.count()).toBe(2);
    await says(pattern(page, 'host:db1'), /new\s+0\s+120/);
    // The significant ones come first.
    await says(page.locator('tbody tr').first(), /new/);
    await disk.first().getByRole('button', { name: 'Lines' }).click();
    await says(page.locator('.resline'), '60 events');
    await says(rows(page).first(), 'bad sectors');
  });

  test('against a day before, and against another range', async () => {
    const { page } = await visit('patterns/changed', { q: 'app:(cron OR smartd)', ...(await bad()) });
    await page.getByRole('button', { name: 'A day before' }).click();
    await says(pattern(page, 'job'), /new\s+0\s+\d+/);
    await page.getByRole('button', { name: 'Another range' }).click();
    await page.fill('[name=from]', 'now-30m');
    await page.fill('[name=to]', 'now-60m');
    await page.getByRole('button', { name: 'Compare' }).click();
    await says(page.locator('[role=alert]'), 'not a range');
    await page.fill('[name=from]', parameter(page, 'from') ?? '');
    await page.fill('[name=to]', parameter(page, 'to') ?? '');
    await page.getByRole('button', { name: 'Compare' }).click();
    await says(page.locator('.empty'), 'Nothing changed');
  });

  test('a dragged spike against the rest', async () => {
    const { page } = await visit('explore', { q: 'app:(cron OR smartd)' });
    const bars = await page.locator('.plot svg rect.sev3').all();
    const [first, last] = [await bars[0]?.boundingBox(), await bars.at(-1)?.boundingBox()];
    const y = (first?.y ?? 0) + 5;
    await page.mouse.move((first?.x ?? 0) - 1, y);
    await page.mouse.down();
    await page.mouse.move((last?.x ?? 0) + (last?.width ?? 0) + 1, y, { steps: 3 });
    await page.mouse.up();
    await expect.poll(() => parameter(page, 'from')).toMatch(/^20/);
    await ready(page);
    await page.getByRole('button', { name: 'What changed' }).click();
    await page.getByRole('button', { name: 'All around it' }).click();
    // All of them lie in the spike, and the hour around it is longer.
    await says(pattern(page, 'bad sectors').first(), /(new\s+0|grew\s+60)\s+60/);
    expect(await pattern(page, 'bad sectors').first().innerText()).not.toContain('÷');
  });
});
