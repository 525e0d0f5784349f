/** What each role sees of the page, and that what is hidden is in no view of it. */
import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { FAILED } from './support/events';
import { type Asker, asker, PASSWORD } from './support/server';
import { address, enter, number, openRow, ready, rows, says, type Tab } from './support/tab';
import { show, VIEWS } from './support/views';

const PEOPLE = [
  ['vera', 'viewer'],
  ['otto', 'operator'],
  ['rita', 'sshd-only'],
] as const;

/** What the restricted role must never meet: a hidden field with its values, and all of other programs. */
const HIDDEN = [
  /hunter\d/,
  /\bsecret\b/,
  /GET \/shop/,
  /No space left/,
  /bad sectors/,
  /postgres|smartd|nginx/,
];

/** The name of the hidden field, where she asks for it herself. */
const ASKED = /login(@|%40)32473\.secret/g;

async function logged(user: string, parameters: Record<string, string> = {}): Promise<Tab> {
  const tab = await enter('explore', parameters, user);
  tab.expected.length = 0;
  return tab;
}

const links = (page: Page) =>
  page.getByRole('navigation', { name: 'Main' }).getByRole('link').allInnerTexts();
const names = async (page: Page) => (await links(page)).map((t) => t.split('\n')[0]?.trim());

let admin: Asker;
beforeAll(async () => {
  admin = await asker();
});

describe.sequential('roles', () => {
  test('an administrator makes roles, users and tokens', async () => {
    const tab = await logged('anna');
    const { page } = tab;
    expect(await names(page)).toEqual(
      expect.arrayContaining(['Explore', 'Patterns', 'Status', 'Rescue', 'Settings']),
    );
    await page.goto(address('settings/roles'));
    await page.getByRole('button', { name: 'New role' }).click();
    const dialog = page.locator('dialog');
    await dialog.locator('[name=name]').fill('sshd-only');
    // A filter that cannot be read is refused, and the form stays.
    tab.expected.push(/status of 400/);
    await dialog.locator('[name=filter]').fill('app:(');
    await dialog.locator('[name=hidden]').fill('login@32473.secret');
    await dialog.getByRole('button', { name: 'Create the role' }).click();
    await number(dialog.locator('[role=alert]'), 1);
    await dialog.locator('[name=filter]').fill('app:sshd');
    await dialog.getByRole('button', { name: 'Create the role' }).click();
    await number(dialog, 0);
    await says(page.locator('tbody tr', { hasText: 'sshd-only' }), /sshd[\s\S]+login@32473\.secret/);

    await page.goto(address('settings/users'));
    for (const [name, role] of PEOPLE) {
      await page.getByRole('button', { name: 'New user' }).click();
      await dialog.locator('[name=name]').fill(name);
      await dialog.locator('[name=role]').selectOption(role);
      await dialog.locator('[name=password]').fill(PASSWORD);
      await dialog.getByRole('button', { name: 'Create the user' }).click();
      await says(page.locator('tbody tr', { hasText: name }), role);
    }

    await page.goto(address('settings/tokens'));
    await page.getByRole('button', { name: 'New token' }).click();
    await dialog.locator('[name=name]').fill('grafana');
    await dialog.getByRole('button', { name: 'Create the token' }).click();
    await says(dialog, /loggr_\w+/);
    await page.keyboard.press('Escape');
    const row = page.locator('tbody tr', { hasText: 'grafana' });
    await number(row, 1);
    await expect.poll(() => page.content()).not.toMatch(/loggr_\w{20}/);
    await row.getByRole('button', { name: 'Revoke' }).click();
    await page.locator('dialog .bad').click();
    await number(row, 0);
  });

  test('a viewer searches, and has no rescue, users, roles or purge', async () => {
    const { page } = await logged('vera', { q: 'app:postgres' });
    await number(rows(page), 3);
    expect(await names(page)).toEqual(['Explore', 'Patterns', 'Status', 'Settings']);
    await page.goto(address('settings/users'));
    await says(page.locator('.setnav'), /Saved searches\s+Your log-in\s+Tokens$/);
    await page.goto(address('status'));
    await page.locator('.topo .node').first().waitFor();
    expect(await page.locator('button.node').count()).toBe(0);
  });

  test('an operator has the rescue and looks into queues, and makes no users', async () => {
    const { page } = await logged('otto');
    expect(await names(page)).toContain('Rescue');
    await page.goto(address('status'));
    await page.locator('button.node').first().click();
    await says(page.locator('dialog'), 'Purge…');
    await page.keyboard.press('Escape');
    await page.goto(address('settings/roles'));
    expect(await page.locator('.setnav').innerText()).not.toMatch(/Users|Roles/);
  });

  test('a saved search is seen by its owner alone until it is for everybody', async () => {
    const otto = await logged('otto', { q: 'app:postgres' });
    const { page } = otto;
    await page.getByRole('button', { name: 'Saved searches' }).click();
    await page.getByText('Save this search…').click();
    const dialog = page.getByRole('dialog', { name: 'Save this search' });
    await dialog.locator('[name=name]').fill('Slow queries');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await number(dialog, 0);
    await page.goto(address('settings/saved'));
    const own = page.locator('tbody tr', { hasText: 'Slow queries' });
    await says(own, /otto\s+you alone/);
    const vera = await logged('vera');
    const seen = async () => {
      await vera.page.goto('about:blank');
      await vera.page.goto(address('settings/saved'));
      await says(vera.page.locator('.box h2'), 'Saved searches');
      return vera.page.locator('tbody tr', { hasText: 'Slow queries' });
    };
    await number(await seen(), 0);

    await own.getByRole('button', { name: 'you alone' }).click();
    await says(own, /otto\s+everybody/);
    const hers = await seen();
    await says(hers, /otto\s+everybody/);
    // She opens it, and neither takes it back nor removes it.
    await number(hers.getByRole('button'), 0);
    await hers.getByRole('link', { name: 'Slow queries' }).click();
    await number(rows(vera.page), 3);

    await own.getByRole('button', { name: 'everybody' }).click();
    await says(own, /otto\s+you alone/);
    await number(await seen(), 0);
  });

  test('filter and hidden fields: nothing of what is hidden is in any view, nor in what the page was sent', async () => {
    expect(await admin.count('hunter7')).toBe(1);
    const tab = await logged('rita');
    const { page } = tab;
    tab.expected.push(/status of 403/);
    const sent: Promise<string>[] = [];
    page.on('response', (response) => {
      const type = response.headers()['content-type'] ?? '';
      // A feed never ends; the page shows what it brings.
      if (response.url().includes('/api/') && type.includes('json')) {
        sent.push(response.text().catch(() => ''));
      }
    });
    await says(page.locator('.resline'), `${FAILED} events`);
    expect(await names(page)).toEqual(['Explore', 'Patterns', 'Settings']);
    const clean = (where: string, text: string) => {
      for (const hidden of HIDDEN) expect(hidden.exec(text)?.[0], where).toBeUndefined();
    };
    for (const view of VIEWS) {
      // What she may not is not there to be pressed.
      if (/user|role|status|rescue|upload|notices|JSON|first/.test(view.name))
        await show(page, { ...view, first: undefined });
      else await show(page, view);
      clean(view.name, await page.content());
    }
    await page.goto(address('explore', { q: 'app:sshd', cols: 'host,login@32473.secret' }));
    await ready(page);
    const detail = await openRow(page, 'from 10.0.0.7 port');
    for (const name of ['Fields', 'JSON', 'Raw']) {
      await detail.getByRole('tab', { name }).click();
      const text = (await page.content()).replace(ASKED, '');
      clean(name, text);
    }
    await says(detail.locator('.rail'), 'Where it went');
    clean('what was sent', (await Promise.all(sent)).join('\n').replace(ASKED, ''));
    // The page says to whom it happens what their role does.
    await page.locator('.right .btn', { hasText: 'rita' }).click();
    await says(page.locator('.pop'), /sees only\s+[^\n]*sshd[\s\S]*does not see\s+login@32473\.secret/);
  });

  test('a view that is not for a role says so, and who can change that', async () => {
    const who = (name: string, role: string) =>
      new RegExp(`You are ${name} with the role ${role}\\. An administrator .+ can give you another role`);
    for (const [name, role, views] of [
      ['rita', 'sshd-only', { status: 'a part of them', rescue: 'for operators', upload: 'bring in files' }],
      ['vera', 'viewer', { rescue: 'for operators', 'settings/users': 'Only administrators' }],
      ['otto', 'operator', { 'settings/roles': 'Only administrators' }],
    ] as const) {
      const { page } = await logged(name);
      for (const [view, why] of Object.entries(views)) {
        await page.goto(address(view));
        await says(page.locator('.empty'), why);
        await says(page.locator('.empty'), who(name, role));
      }
      await page.getByRole('button', { name: 'Go to Explore' }).click();
      await ready(page);
      await number(page.locator('.qbar'), 1);
    }
  });

  test('a question for a hidden field is refused with its reason', async () => {
    const tab = await logged('rita');
    tab.expected.push(/status of 403/);
    await tab.page.goto(address('explore', { q: 'login@32473.secret:*' }));
    await says(tab.page.locator('.resline .err, .empty'), /login@32473\.secret/);
  });
});
