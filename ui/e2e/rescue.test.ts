/** Rescue: events that the database refuses; given to it again, which fails, and one discarded. */
import { describe, expect, test } from 'vitest';
import { throughRsyslog } from './support/send';
import { asker, until } from './support/server';
import { address, enter, number, says } from './support/tab';

const POISON = 3;

describe.sequential('rescue', () => {
  test('by reason, with the event; replay that is refused, discard of one, asked first, told how it ended', async () => {
    const who = await asker();
    const line = (message: string) => ({ severity: 3, host: 'web1', app: 'poison', message });
    await throughRsyslog([
      line('poison 1 <img src=x onerror=xss(1)>'),
      line('poison 2'),
      line('poison 3'),
      line('harmless'),
    ]);
    await until('the poison is in the rescue', async () => {
      const { by_reason } = await who.get<{ by_reason: { events: number }[] }>('rescue');
      return by_reason.reduce((n, r) => n + r.events, 0) === POISON ? true : undefined;
    });

    const tab = await enter('rescue');
    const { page } = tab;
    await says(page.locator('.page > header'), `${POISON} events`);
    const box = page.locator('.box').first();
    await says(box, /3 events of (shipper )?db[\s\S]+no_poison/);
    await number(box.locator('tbody tr'), POISON);
    await says(page.getByRole('navigation', { name: 'Main' }), /Rescue\s+3/);

    const row = box.locator('tbody tr', { hasText: 'poison 1' });
    await says(row, '<img src=x onerror=xss(1)>');
    await row.getByRole('button', { name: 'Open' }).click();
    const dialog = page.locator('dialog');
    await says(dialog, /no_poison[\s\S]+poison 1 <img/);
    await number(page.locator('main img, dialog img'), 0);
    await page.keyboard.press('Escape');
    await number(dialog, 0);

    await box.getByRole('button', { name: 'Replay' }).first().click();
    await says(dialog, 'Replay 3 events?');
    await dialog.getByRole('button', { name: 'Replay' }).click();
    await says(dialog.locator('[role=alert]'), /0 events replayed, 3 refused again:[\s\S]+no_poison/);
    await page.keyboard.press('Escape');
    await number(box.locator('tbody tr'), POISON);

    await row.getByRole('button', { name: 'Discard…' }).click();
    await says(dialog, 'Discard 1 event?');
    await dialog.getByRole('button', { name: 'Keep them' }).click();
    await number(dialog, 0);
    await row.getByRole('button', { name: 'Discard…' }).click();
    await dialog.locator('[name=n]').fill('2');
    await dialog.locator('.bad').click();
    await says(dialog.locator('[role=alert]'), 'Type 1 to confirm');
    await dialog.locator('[name=n]').fill('1');
    await dialog.locator('.bad').click();
    await says(page.locator('#toast'), '1 event discarded');
    await number(box.locator('tbody tr'), POISON - 1);

    await page.goto(address('status'));
    await says(page.getByRole('region', { name: 'Balance' }), /2\s*rescued[\s\S]+1\s*dropped[\s\S]+Balanced/);
    expect(await who.count('app:poison')).toBe(POISON + 1);
  });
});
