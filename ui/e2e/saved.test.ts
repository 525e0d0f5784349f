/** Saved searches: kept, shared, opened by name, made the start page, removed. */
import { expect, test } from 'vitest';
import { Asker } from './support/server';
import { address, asks, number, openTab, parameter, ready, rows, says, visit } from './support/tab';

test('a saved search has name, query, range, columns and view, and may be the start page', async () => {
  const tab = await visit('explore', {
    q: 'app:sshd',
    from: 'now-4h',
    to: 'now',
    cols: 'host,login@32473.user',
  });
  const { page } = tab;
  const save = async (name: string, marks: string[]) => {
    await page.getByRole('button', { name: 'Saved searches' }).click();
    await page.getByText('Save this search…').click();
    const dialog = page.getByRole('dialog', { name: 'Save this search' });
    await dialog.locator('[name=name]').fill(name);
    for (const mark of marks) await dialog.locator(`[name=${mark}]`).check();
    await dialog.getByRole('button', { name: 'Save' }).click();
    return dialog;
  };
  await number(await save('Failed log-ins', ['shared', 'start']), 0);

  // The bare address is the start page.
  await page.goto('about:blank');
  await page.goto(tab.base);
  await asks(page, 'app:sshd');
  await ready(page);
  expect(parameter(page, 'from')).toBe('now-4h');
  await says(page.locator('.lhead'), /Host\s+login@32473\.user/);

  // By its name, from the menu, and from the empty box.
  await page.goto('about:blank');
  await page.goto(`${tab.base}#/explore?view=Failed%20log-ins`);
  await asks(page, 'app:sshd');
  await page.goto(address('explore', { q: 'app:nginx' }));
  await says(rows(page).first(), 'GET /shop');
  await page.getByRole('button', { name: 'Saved searches' }).click();
  await says(page.locator('.pop'), /Failed log-ins\s+start page/);
  await page.locator('.pop button', { hasText: 'Failed log-ins' }).click();
  await asks(page, 'app:sshd');

  // Patterns are kept as such.
  await page.goto(address('patterns', { q: 'app:nginx' }));
  await says(page.locator('.pat').first(), 'GET /shop/');
  await number(await save('Shapes of nginx', []), 0);
  await page.goto(address('settings/saved'));
  await page.getByRole('link', { name: 'Shapes of nginx' }).click();
  await says(page.locator('h1'), 'Patterns');

  // Managed.
  await page.goto(address('settings/saved'));
  const row = page.locator('tbody tr', { hasText: 'Failed log-ins' });
  await says(row, /everybody/);
  // While there are no users it is nobody's, and nothing is to be chosen.
  await number(row.getByRole('button', { name: 'everybody' }), 0);
  await row.getByRole('button', { name: 'Start page: Failed log-ins' }).click();
  await expect
    .poll(() => row.getByRole('button', { name: 'Start page: Failed log-ins' }).getAttribute('aria-pressed'))
    .toBe('false');
  const bare = await openTab();
  await bare.page.goto(bare.base);
  await says(bare.page.locator('.tp'), 'Last 15 minutes');
  for (const name of ['Failed log-ins', 'Shapes of nginx']) {
    await page.locator('tbody tr', { hasText: name }).getByRole('button', { name: 'Remove' }).click();
    await page.locator('dialog .bad').click();
    await number(page.locator('tbody tr', { hasText: name }), 0);
  }
  expect((await new Asker().get<{ saved: object[] }>('saved')).saved).toEqual([]);
});
