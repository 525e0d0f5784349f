/** Upload: a log file becomes events; a file that is no log is refused with its reason. */
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { asker, stored } from './support/server';
import { address, asks, logIn, openTab, ready, rows, says, search, type Tab } from './support/tab';

const LINES = 500;

async function opened(): Promise<Tab> {
  const tab = await openTab();
  tab.expected.push(/status of 401/);
  await tab.page.goto(address('upload'));
  await tab.page.locator('.gate form, form.upload').first().waitFor();
  if (await tab.page.locator('.gate form').count()) await logIn(tab.page);
  await ready(tab.page);
  return tab;
}

const text = (word: string) =>
  Array.from(
    { length: LINES },
    (_, n) => `<13>1 2026-03-01T00:00:00Z old1 legacy 7 - - ${word} line ${n}`,
  ).join('\n');

async function send(tab: Tab, name: string, buffer: Buffer): Promise<void> {
  await tab.page.setInputFiles('input[type=file]', { name, mimeType: 'application/octet-stream', buffer });
  await says(tab.page.locator('.drop'), name);
  await tab.page.getByRole('button', { name: 'Upload', exact: true }).click();
}

test('a file, and a compressed one, become events that are found', async () => {
  const tab = await opened();
  const { page } = tab;
  await send(tab, 'old.log', Buffer.from(text('uploaded')));
  await says(page.locator('form.upload'), `${LINES} events taken`);
  await stored('uploaded', LINES, await asker());
  await page.getByRole('button', { name: 'Show them' }).click();
  await search(page, 'app:legacy uploaded');
  await says(page.locator('.resline'), `${LINES} events`);
  await rows(page).first().locator('.msg').click();
  await says(page.locator('.det .rail'), /old\.log/);

  await page.goto(address('upload'));
  await send(tab, 'old.log.gz', gzipSync(text('packed')));
  await says(page.locator('form.upload'), `${LINES} events taken`);
  await stored('packed', LINES, await asker());
});

test('what is no log is refused with its reason, and nothing of it is taken', async () => {
  const tab = await opened();
  tab.expected.push(/status of 4\d\d/);
  const who = await asker();
  const before = await who.count('');
  const picture = Buffer.concat([Buffer.from('\u0089PNG\r\n\u001a\n', 'latin1'), Buffer.alloc(4096)]);
  await send(tab, 'picture.png', picture);
  await expect.poll(() => tab.page.locator('form.upload .note.err').count()).toBe(1);
  expect(await tab.page.locator('form.upload .note.err').innerText()).toMatch(/\w+ \w+/);
  expect(await who.count('')).toBe(before);
  await tab.page.goto(address('explore', { q: 'app:sshd' }));
  await asks(tab.page, 'app:sshd');
});
