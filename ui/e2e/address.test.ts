/** Everything is in the address; searches are cancelled, partial, or asked again when the server is back. */
import { afterEach, describe, expect, test } from 'vitest';
import { FAILED, SERVED } from './support/events';
import { Cable } from './support/proxy';
import { Asker } from './support/server';
import {
  address,
  asks,
  clipboard,
  hold,
  number,
  openRow,
  openTab,
  parameter,
  ready,
  rows,
  says,
  search,
  visit,
} from './support/tab';

describe('row 8: everything in the URL', () => {
  test('q, from, to, cols, view, id, by, tail', async () => {
    const { page } = await visit('explore', { q: 'app:sshd', cols: 'app,login@32473.user', by: 'host' });
    await says(page.locator('.lhead'), /App\s+login@32473\.user/);
    await says(page.locator('.leg'), /web[12]\s*20/);
    await openRow(page, 'from 10.0.0.9 port');
    const link = page.url();
    expect(parameter(page, 'id')).toMatch(/^[0-9a-f-]{36}$/);
    const other = await openTab();
    await other.page.goto(link);
    await says(other.page.locator('.det'), 'from 10.0.0.9 port');
    await says(other.page.locator('.lhead'), /App\s+login@32473\.user/);
    expect(await other.page.inputValue('#q')).toBe('app:sshd');
    await other.page.goto(`${other.base}#/explore?q=app:sshd&from=now-1h&to=now&tail=1`);
    await says(other.page.locator('.qbar'), 'Following');
    await other.page.goto(address('patterns', { q: 'app:sshd' }));
    await says(other.page.locator('h1'), 'Patterns');
    await says(other.page.locator('.pat').first(), 'Failed password');
  });

  test('an open row that is not among the loaded ones is shown by its link', async () => {
    const { page } = await visit('explore', { q: '"job 480 done"' });
    await openRow(page);
    const id = parameter(page, 'id') ?? '';
    const other = await visit('explore', { q: 'app:cron', id });
    await says(other.page.locator('.det'), 'job 480 done');
  });

  test('Back is the search before', async () => {
    const { page } = await visit('explore', { q: 'app:sshd' });
    await search(page, 'app:nginx');
    await openRow(page, 'GET /shop/3 ');
    await page.getByRole('navigation', { name: 'Main' }).getByText('Patterns').click();
    await says(page.locator('.pat').first(), 'GET /shop/');
    await page.goBack();
    await asks(page, 'app:nginx');
    await ready(page);
    await page.goBack();
    await asks(page, 'app:sshd');
    expect(await page.inputValue('#q')).toBe('app:sshd');
    await says(page.locator('.resline'), `${FAILED} events`);
    await page.goForward();
    await asks(page, 'app:nginx');
    await says(page.locator('.resline'), `${SERVED} events`);
  });

  test('a copied link makes relative times absolute', async () => {
    const { page } = await visit('explore', { q: 'app:cron', from: 'now-4h', to: 'now' });
    await page.keyboard.press('Y');
    await expect.poll(() => clipboard(page)).toMatch(/from=20\d\d-[^&]+Z&to=20\d\d-[^&]+Z/);
    const other = await openTab();
    await other.page.goto(await clipboard(page));
    await ready(other.page);
    await says(other.page.locator('.resline'), '480 events');
    expect(parameter(other.page, 'cols')).toBe('host,app');
  });
});

describe('row 11: rows, time and what was read are shown', () => {
  test('rows, time, bytes read', async () => {
    const { page } = await visit('explore', { q: 'app:sshd' });
    await says(page.locator('.resline'), /40 events\s+\d+ ms/);
    // PostgreSQL does not say what it read.
    const { stats } = await new Asker().get<{ stats: { groups: number } }>('search', { q: 'app:sshd' });
    if (stats.groups) await says(page.locator('.resline'), /read \d+ of \d+ blocks?/);
  });

  /** A search that runs until it is ended: its requests, and the end of the first. */
  const searching = async () => {
    const { page } = await visit('explore', { q: 'app:sshd' });
    const held = await hold(page, /\/api\/search/);
    await page.locator('#q').fill('app:nginx');
    await page.locator('#q').press('Enter');
    await says(page.locator('.resline'), 'Searching…');
    await expect.poll(() => held.length).toBe(1);
    const over = page
      .waitForEvent('requestfailed', (request) => request.url().includes('/api/search'))
      .then((request) => request.failure()?.errorText);
    return { page, held, over };
  };

  test('a running query can be cancelled', async () => {
    const { page, held, over } = await searching();
    await page.getByRole('button', { name: 'Cancel' }).click();
    expect(await over).toBe('net::ERR_ABORTED');
    await expect.poll(() => page.locator('.resline').innerText()).not.toContain('Searching');
    expect(held.length).toBe(1);
  });

  test('and is cancelled when its page goes', async () => {
    const { page, over } = await searching();
    await page.getByRole('navigation', { name: 'Main' }).getByText('Settings').click();
    expect(await over).toBe('net::ERR_ABORTED');
    await says(page.locator('h1'), 'Settings');
  });

  test('partial answers say so', async () => {
    const { page } = await visit('explore', { q: 'app:sshd' });
    await page.route(/\/api\/search/, async (route) => {
      const answer = await route.fetch();
      const whole = route.request().url().includes('timeout=');
      await route.fulfill({ response: answer, json: { ...(await answer.json()), partial: !whole } });
    });
    await search(page, 'app:nginx');
    await says(page.locator('.resline'), 'partial');
    await page.getByRole('button', { name: 'Read the rest' }).click();
    await number(page.locator('.resline').getByText('partial'), 0);
    await says(page.locator('.resline'), `${SERVED} events`);
  });
});

describe('the server is away', () => {
  const cables: Cable[] = [];
  afterEach(() => Promise.all(cables.splice(0).map((cable) => cable.cut())));

  /** A page whose connection has been cut. */
  const cut = async () => {
    const cable = await new Cable().plug();
    cables.push(cable);
    const tab = await visit('explore', { q: 'app:sshd' }, { base: cable.base });
    tab.expected.push(/ERR_CONNECTION|ERR_EMPTY_RESPONSE|ERR_INCOMPLETE|ERR_SOCKET/);
    await cable.cut();
    return { cable, page: tab.page };
  };

  test('it is said once, what is shown stays, and it is tried again', async () => {
    const { cable, page } = await cut();
    await page.locator('#q').fill('app:nginx');
    await page.locator('#q').press('Enter');
    const banner = page.locator('.banner.err');
    await says(banner, /No connection to 127\.0\.0\.1:\d+ for \d+ s[\s\S]+next try in/);
    expect(await banner.count()).toBe(1);
    expect(await rows(page).count()).toBeGreaterThan(5);
    await cable.plug();
    await number(banner, 0);
    await says(page.locator('.resline'), `${SERVED} events`);
    await says(rows(page).first(), 'GET /shop/');
  });

  test('“Try now” tries at once', async () => {
    const { cable, page } = await cut();
    await page.keyboard.press('/');
    await page.keyboard.press('Enter');
    await says(page.locator('.banner.err'), 'No connection');
    await cable.plug();
    await page.getByRole('button', { name: 'Try now' }).click();
    await number(page.locator('.banner.err'), 0);
  });
});
