/** Rescue, after the cause is gone: what is left is given to the database again, one and then all. */
import { test } from 'vitest';
import { address, enter, number, says } from './support/tab';

test('replay of one and of all of a reason', async () => {
  const tab = await enter('rescue');
  const { page } = tab;
  const rows = page.locator('tbody tr');
  const dialog = page.locator('dialog');
  await number(rows, 2);
  await rows.first().getByRole('button', { name: 'Replay' }).click();
  await says(dialog, 'Replay 1 event?');
  await dialog.getByRole('button', { name: 'Replay' }).click();
  await says(page.locator('#toast'), '1 event replayed');
  await number(rows, 1);
  await page.locator('.box > header').getByRole('button', { name: 'Replay' }).click();
  await dialog.getByRole('button', { name: 'Replay' }).click();
  await says(page.locator('.empty'), 'Nothing to rescue');
  await page.goto(address('status'));
  await says(page.getByRole('region', { name: 'Balance' }), /0\s*rescued[\s\S]+Balanced/);
});
