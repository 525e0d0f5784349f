/** The live tail, with lines that come through rsyslog while it is looked at. */
import { describe, expect, test } from 'vitest';
import { throughRsyslog } from './support/send';
import { stored } from './support/server';
import { number, parameter, rows, says, visit } from './support/tab';

/** From the line's way into rsyslog to the row in the browser; on a quiet machine it is below 1 s. */
const LATE_MS = 5_000;

const line = (app: string, message: string) => ({ severity: 5, host: 'web1', app, message });

describe('row 9: live tail', () => {
  test('new lines arrive at the top only while the top is in view; else a badge counts them', async () => {
    const { page } = await visit('explore', { q: 'app:(tail1 OR cron)', from: 'now-4h', to: 'now' });
    await page.keyboard.press('f');
    await says(page.locator('.qbar'), 'Following');
    await expect.poll(() => parameter(page, 'tail')).toBe('1');
    await throughRsyslog([line('tail1', 'the first that came')]);
    await says(rows(page).first(), 'the first that came');
    const list = page.locator('.list');
    await list.evaluate((el) => el.scrollTo(0, 400));
    await expect.poll(() => list.evaluate((el) => el.scrollTop)).toBeGreaterThan(300);
    const middle = await rows(page).nth(20).getAttribute('id');
    const y = (await page.locator(`#${middle}`).boundingBox())?.y;
    await throughRsyslog([line('tail1', 'the second'), line('tail1', 'the third')]);
    await says(page.locator('.badge'), '2 new');
    expect((await page.locator(`#${middle}`).boundingBox())?.y).toBe(y);
    await page.locator('.badge button').click();
    await says(rows(page).first(), 'the third');
    await says(rows(page).nth(1), 'the second');
    await number(page.locator('.badge'), 0);
  });

  test('a row that is looked at stays where it is, and Space pauses', async () => {
    const { page } = await visit('explore', { q: 'app:tail2', from: 'now-1h', to: 'now', tail: '1' });
    await says(page.locator('.qbar'), 'Following');
    await throughRsyslog([line('tail2', 'to be looked at')]);
    await says(rows(page), 'to be looked at');
    await page.keyboard.press('j');
    await throughRsyslog([line('tail2', 'comes meanwhile')]);
    await says(page.locator('.badge'), '1 new');
    await page.locator('.badge button').click();
    await says(rows(page).first(), 'comes meanwhile');
    await page.locator('.list').focus();
    await page.keyboard.press(' ');
    await says(page.locator('.qbar'), 'Paused');
    await throughRsyslog([line('tail2', 'comes in the pause')]);
    await says(page.locator('.badge'), '1 new');
    await page.keyboard.press(' ');
    await says(rows(page).first(), 'comes in the pause');
    await page.keyboard.press('f');
    await expect.poll(() => parameter(page, 'tail')).toBeNull();
  });

  test('the total and the fields are counted again, and say of when they are', async () => {
    const { page } = await visit('explore', { q: 'app:(tail4 OR tail5)', from: 'now-1h', to: 'now' });
    await page.keyboard.press('f');
    await says(page.locator('.qbar'), 'Following');
    await throughRsyslog([line('tail4', 'one'), line('tail4', 'two')]);
    const [total, side] = [page.locator('.resline .info'), page.locator('.side')];
    await says(total, /^2 events\s+at \d\d:\d\d:\d\d/);
    await says(side, /Counted at \d\d:\d\d:\d\d UTC[\s\S]+tail4\s+100 %/);
    await throughRsyslog([line('tail5', 'three'), line('tail5', 'four')]);
    await says(total, '4 events');
    await says(side, /tail4\s+50 %\s+tail5\s+50 %/);
    // What was counted last stays when nobody follows any more.
    await page.keyboard.press('f');
    await expect.poll(() => parameter(page, 'tail')).toBeNull();
    await says(total, /^4 events\s+at \d\d:\d\d:\d\d/);
  });

  test('at most 1 s late', async () => {
    const { page } = await visit('explore', { q: 'app:tail3', from: 'now-1h', to: 'now', tail: '1' });
    await says(page.locator('.qbar'), 'Following');
    let worst = 0;
    for (let n = 0; n < 5; n += 1) {
      const begun = Date.now();
      await throughRsyslog([line('tail3', `number ${n}.`)]);
      await says(rows(page).first(), `number ${n}.`);
      worst = Math.max(worst, Date.now() - begun);
    }
    expect(worst).toBeLessThan(LATE_MS);
  });

  test('says when it cannot keep up, and how many it left out', async () => {
    const { page } = await visit('explore', { q: 'app:flood', from: 'now-1h', to: 'now', tail: '1' });
    await says(page.locator('.qbar'), 'Following');
    const many = Array.from({ length: 3000 }, (_, n) => line('flood', `drop ${n}`));
    await throughRsyslog(many);
    await says(page.locator('.resline'), /[\d ,.\u2009\u202f]+ events not shown: too fast/);
    await stored('app:flood', many.length);
  });
});
