/** The seal of an event that is open, made here by the words of its description and not by loggr. */
import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { forwarded } from './support/send';
import { stored } from './support/server';
import { asks, colour, openRow, rows, says, visit } from './support/tab';

/** As `crates/loggr/tests/it/page` has it. */
const KEY = Buffer.alloc(32, 0xaa);
const NOTICE = 5;
const USER = 1;
const SEAL_VERSION = 1;

const u64 = (n: bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(n);
  return bytes;
};
const field = (bytes: Buffer): Buffer => Buffer.concat([u64(BigInt(bytes.length)), bytes]);
const micros = (ms: number): Buffer => u64(BigInt(ms) * 1000n);

function sealed(message: string, key = KEY) {
  const [app, host, time] = ['sealed', 'web1', Date.now()];
  const parts = [
    Buffer.from([SEAL_VERSION]),
    field(Buffer.from([NOTICE])),
    field(Buffer.from([USER])),
    ...[app, host, message].map((text) => field(Buffer.from(text))),
    field(micros(time)),
    field(micros(time)),
    u64(0n),
  ];
  const stamp = new Date(time).toISOString();
  return {
    severity: 'notice',
    facility: 'user',
    source: host,
    app_name: app,
    message,
    timereported: stamp,
    timehmac: stamp,
    hmac: createHmac('sha256', key).update(Buffer.concat(parts)).digest('base64'),
  };
}

/** They come while the tests run, behind the range of the events that all tests know. */
const RANGE = { from: 'now-1h', to: 'now' };

describe('row 6: the seal of an event', () => {
  test('good, broken, or none', async () => {
    await forwarded([
      sealed('as it was written'),
      { ...sealed('as it was written'), message: 'as somebody wants it' },
      { ...sealed('never sealed'), hmac: undefined, timehmac: undefined },
    ]);
    await stored('app:sealed', 3);
    const rail = async (text: string) => {
      const { page } = await visit('explore', { q: `app:sealed "${text}"`, ...RANGE });
      return (await openRow(page)).locator('.rail');
    };
    await says(await rail('as it was written'), /seal\s+good, key 2026a/);
    const broken = await rail('as somebody wants it');
    await says(broken, /seal\s+broken: the event was changed, or no key here fits/);
    await says(broken, /defects\s+bad_hmac\s+its seal is broken/);
    expect(await colour(broken.locator('dd', { hasText: 'broken: ' }))).not.toBe(await colour(broken));
    const none = await rail('never sealed');
    await says(none, /seal\s+unsealed/);
    expect(await none.innerText()).not.toMatch(/bad_hmac/);
  });

  test('the status tells how many of each came, and leads to the broken ones', async () => {
    const { page } = await visit('status');
    const seals = page.getByRole('region', { name: 'Seals', exact: true });
    await says(seals, /listener tcp\s+1\s+1\s+\d+\s+0\s+0/);
    await seals.getByRole('link', { name: '1' }).click();
    await asks(page, 'defect:bad_hmac');
    await says(rows(page), 'as somebody wants it');
  });
});
