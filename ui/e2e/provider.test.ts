/** Log-in through a provider of OpenID Connect that stands on another site than the page. */
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { FAILED } from './support/events';
import { ADMIN, PROVIDER } from './support/server';
import { address, asks, logIn, number, openTab, parameter, ready, says, type Tab } from './support/tab';

const LOOKS = /https:\/\/cdn\.jsdelivr\.net/;

const alert = (page: Page) => page.locator('.gate [role=alert]');

/** A tab that stands before the door, on its way to a search. */
async function atTheDoor(): Promise<Tab> {
  const tab = await openTab();
  // The provider's own page is not ours. It wants its looks from elsewhere, and gets none.
  tab.expected.push(/status of 40[14]/, new RegExp(`asks another host: (${PROVIDER}|${LOOKS.source})`));
  await tab.page.route(LOOKS, (route) => route.fulfill({ contentType: 'text/css', body: '' }));
  await tab.page.goto(address('explore', { q: 'app:sshd', by: 'host' }));
  await says(tab.page.locator('.gate'), 'Log in to loggr');
  return tab;
}

/** Presses the button of the page. Gives what the provider is asked. */
async function asked({ page }: Tab): Promise<URLSearchParams> {
  await page.getByRole('button', { name: 'Continue with Company' }).click();
  await page.waitForURL((url) => url.origin === PROVIDER);
  return new URL(page.url()).searchParams;
}

/** The same, and lets the provider say who it is. */
async function through(tab: Tab, subject: string): Promise<void> {
  await asked(tab);
  await tab.page.locator('input[name=sub]').fill(subject);
  await tab.page.getByRole('button', { name: 'Authorize' }).click();
}

describe.sequential('log-in through a provider', () => {
  test('leads to the provider, back to where one was, and log-out ends it', async () => {
    const tab = await atTheDoor();
    const { page } = tab;
    await through(tab, 'paula');
    await ready(page);
    await asks(page, 'app:sshd');
    expect(parameter(page, 'by')).toBe('host');
    await says(page.locator('.resline'), `${FAILED} events`);
    // The session outlives the page.
    await page.reload();
    await ready(page);
    await says(page.locator('.resline'), `${FAILED} events`);
    await page.locator('.right .btn', { hasText: 'The paula' }).click();
    await says(page.locator('.pop'), 'paula, operator');
    await page.getByRole('button', { name: 'Log out', exact: true }).click();
    await says(page.locator('.gate'), 'Log in to loggr');
    expect((await tab.context.request.get(`${tab.base}api/me`)).status()).toBe(401);
    // And once more, from where one was.
    await through(tab, 'paula');
    await number(page.locator('.gate'), 0);
    await says(page.locator('.resline'), `${FAILED} events`);
  });

  test('who has no role there is told so, and the form lets in who has a password', async () => {
    const tab = await atTheDoor();
    const { page } = tab;
    await through(tab, 'ben');
    await says(
      alert(page),
      /^Company knows you, but you have no role in loggr; ask an administrator for one$/,
    );
    await logIn(page);
    await asks(page, 'app:sshd');
    await says(page.locator('.right'), ADMIN);
  });

  test('who refuses there is told that nobody is logged in', async () => {
    const tab = await atTheDoor();
    const parameters = await asked(tab);
    // The provider of the tests forgets the state when somebody refuses; others do not.
    const back = { error: 'access_denied', state: parameters.get('state') ?? '' };
    await tab.page.goto(`${parameters.get('redirect_uri')}?${new URLSearchParams(back)}`);
    await says(alert(tab.page), /^Company has not logged you in/);
  });
});
