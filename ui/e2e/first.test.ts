/** The first start with its link, log-in, a session that ends, log-out. Its tests follow one another. */
import { describe, expect, test } from 'vitest';
import { FAILED } from './support/events';
import { ADMIN, LINK_CODE, PASSWORD } from './support/server';
import { address, asks, enter, logIn, number, openTab, ready, rows, says, search } from './support/tab';

const gate = '.gate';

describe.sequential('log-in', () => {
  test('the link of a first start makes the administrator, once', async () => {
    const tab = await openTab();
    const { page } = tab;
    await page.goto(`${tab.base}#/first?code=${LINK_CODE}`);
    await says(page.locator(gate), 'This link works once');
    await page.fill('[name=user]', ADMIN);
    await page.fill('[name=password]', PASSWORD);
    await page.fill('[name=again]', 'something else');
    await page.keyboard.press('Enter');
    await says(page.locator(gate), 'The two passwords differ');
    await page.fill('[name=again]', PASSWORD);
    await page.keyboard.press('Enter');
    await number(page.locator(gate), 0);
    await says(page.locator('.top'), ADMIN);
    expect(page.url()).not.toContain(LINK_CODE);

    const second = await openTab();
    second.expected.push(/status of 40[13]/);
    await second.page.goto(`${second.base}#/first?code=${LINK_CODE}`);
    await second.page.fill('[name=user]', 'mallory');
    await second.page.fill('[name=password]', PASSWORD);
    await second.page.fill('[name=again]', PASSWORD);
    await second.page.keyboard.press('Enter');
    await number(second.page.locator(`${gate} [role=alert] .err`), 1);
    await number(second.page.locator('.top'), 0);
  });

  test('a wrong password is said, the right one opens what the address asked for', async () => {
    const tab = await openTab();
    tab.expected.push(/status of 401/);
    const { page } = tab;
    await page.goto(address('explore', { q: 'app:sshd' }));
    await says(page.locator(gate), 'Log in to loggr');
    await number(page.locator('.top'), 0);
    await logIn(page, ADMIN, 'a wrong password');
    await says(page.locator(`${gate} [role=alert]`), /wrong/i);
    expect(await page.evaluate(() => document.activeElement?.getAttribute('name'))).toBe('password');
    await logIn(page);
    await ready(page);
    await asks(page, 'app:sshd');
    await says(page.locator('.resline'), `${FAILED} events`);
  });

  test('a session that ends keeps what was typed', async () => {
    const tab = await enter('explore', { q: 'app:sshd' });
    const { page } = tab;
    await page.locator('#q').fill('app:nginx half typed');
    // Another tab of the same browser logs out.
    const { csrf } = (await (await tab.context.request.get(`${tab.base}api/me`)).json()) as { csrf: string };
    const out = await tab.context.request.post(`${tab.base}api/logout`, {
      headers: { 'X-Loggr-Csrf': csrf, Origin: new URL(tab.base).origin },
    });
    expect(out.ok()).toBe(true);
    // The page may have noticed by itself, and lets nobody press what lies below the form.
    await page.locator('.qbar button[type=submit]').evaluate((button: HTMLElement) => button.click());
    await says(page.locator(gate), 'Your session has ended. What you typed is kept.');
    expect(await rows(page).count()).toBeGreaterThan(5);
    await logIn(page);
    await number(page.locator(gate), 0);
    expect(await page.inputValue('#q')).toBe('app:nginx half typed');
    await search(page, 'app:nginx GET');
    await says(rows(page).first(), 'GET /shop');
  });

  test('log-out ends the session', async () => {
    const tab = await enter('explore', { q: 'app:sshd' });
    const { page } = tab;
    await page
      .getByRole('button', { name: `User ${ADMIN}` })
      .or(page.locator('.right .btn', { hasText: ADMIN }))
      .first()
      .click();
    await says(page.locator('.pop'), `${ADMIN}, admin`);
    await page.getByRole('button', { name: 'Log out', exact: true }).click();
    await says(page.locator(gate), 'Log in to loggr');
    expect((await tab.context.request.get(`${tab.base}api/me`)).status()).toBe(401);
  });
});
