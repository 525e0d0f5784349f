/** Every view and what opens in it, as a name, an address and what is done there first. */
import type { Page } from 'playwright-core';
import { address, idle, openRow, ready } from './tab';

export interface View {
  name: string;
  path: string;
  parameters?: Record<string, string>;
  first?: (page: Page) => Promise<unknown>;
}

const press =
  (...keys: string[]) =>
  async (page: Page) => {
    for (const key of keys) await page.keyboard.press(key);
  };
const tab = (name: string) => async (page: Page) => (await openRow(page)).getByRole('tab', { name }).click();
const opens = (name: string | RegExp) => (page: Page) => page.getByRole('button', { name }).first().click();

const Q = { q: 'app:(sshd OR shop)' };
const LONG_AGO = { from: '2020-01-01T00:00:00Z', to: '2020-01-02T00:00:00Z' };

export const VIEWS: readonly View[] = [
  { name: 'explore', path: 'explore' },
  { name: 'explore by host', path: 'explore', parameters: { by: 'host' } },
  { name: 'a row opened', path: 'explore', parameters: Q, first: (page) => openRow(page) },
  { name: 'its JSON', path: 'explore', parameters: { q: 'app:shop' }, first: tab('JSON') },
  { name: 'its raw line', path: 'explore', parameters: Q, first: tab('Raw') },
  { name: 'context', path: 'explore', parameters: Q, first: press('j', 'c') },
  { name: 'rows selected', path: 'explore', parameters: Q, first: press('j', 'x', 'j', 'x') },
  {
    name: 'two rows compared',
    path: 'explore',
    parameters: Q,
    first: async (page) => {
      await press('j', 'x', 'j', 'x')(page);
      await opens('Compare')(page);
    },
  },
  { name: 'help', path: 'explore', first: press('?') },
  {
    name: 'completion',
    path: 'explore',
    first: async (page) => {
      await page.locator('#q').pressSequentially('app:');
      await page.locator('#choices [role=option]').first().waitFor();
    },
  },
  {
    name: 'an error of a query',
    path: 'explore',
    first: async (page) => {
      await page.locator('#q').fill('app:(a OR');
      await page.locator('#q').press('Enter');
      await page.locator('.qmsg').waitFor();
    },
  },
  { name: 'nothing matches', path: 'explore', parameters: { q: 'app:sshd nosuchword' } },
  { name: 'no data', path: 'explore', parameters: LONG_AGO },
  { name: 'choice of the time', path: 'explore', first: (page) => page.click('.tp') },
  { name: 'choice of the look', path: 'explore', first: opens(/^View$/) },
  {
    name: 'a search is saved',
    path: 'explore',
    first: async (page) => {
      await opens('Saved searches')(page);
      await page.getByText('Save this search…').click();
    },
  },
  { name: 'tail', path: 'explore', parameters: { q: 'app:sshd', from: 'now-1h', to: 'now', tail: '1' } },
  { name: 'notices', path: 'explore', first: opens('Notices') },
  { name: 'patterns', path: 'patterns' },
  { name: 'what changed', path: 'patterns/changed' },
  { name: 'status', path: 'status', first: (page) => page.locator('.topo .node').first().waitFor() },
  { name: 'rescue', path: 'rescue' },
  { name: 'upload', path: 'upload' },
  { name: 'saved searches', path: 'settings/saved' },
  { name: 'users', path: 'settings/users' },
  { name: 'a new user', path: 'settings/users', first: opens('New user') },
  { name: 'roles', path: 'settings/roles' },
  { name: 'a new role', path: 'settings/roles', first: opens('New role') },
  { name: 'tokens', path: 'settings/tokens' },
  { name: 'first start', path: 'first' },
];

/** Opens a view in a page. */
export async function show(page: Page, view: View, base?: string): Promise<void> {
  await page.goto('about:blank');
  await page.goto(address(view.path, view.parameters, base));
  if (view.path === 'first') await page.locator('.gate form').waitFor();
  else await ready(page);
  await view.first?.(page);
  await idle(page);
}
