/** Status: what flows where, whether it balances, who sends, live. */
import { describe, expect, test } from 'vitest';
import { throughRsyslog } from './support/send';
import { asker } from './support/server';
import { address, colour, logIn, number, openTab, says, type Tab } from './support/tab';

async function opened(before?: (tab: Tab) => Promise<unknown>): Promise<Tab> {
  const tab = await openTab();
  tab.expected.push(/status of 401/);
  await before?.(tab);
  await tab.page.goto(address('status'));
  await logIn(tab.page);
  await tab.page.locator('.topo .node').first().waitFor();
  return tab;
}

interface Told {
  totals: Record<string, number | boolean>;
  listeners: { senders?: { name: string; last_seen: number }[] }[];
  ships: Record<string, unknown>[];
  certificates: Record<string, unknown>[];
  troubles: string[];
}

/** The status with a change, once and as a feed that says nothing more. */
async function changed(tab: Tab, change: (told: Told) => void): Promise<void> {
  const told = await (await asker()).get<Told>('status');
  change(told);
  await tab.page.route(/\/api\/status$/, (route) => route.fulfill({ json: told }));
  await tab.page.route(/\/api\/status\/feed/, () => undefined);
}

describe('status', () => {
  test('listeners → exchanges → machines → queues → shippers, and the balance as an equation', async () => {
    const { page } = await opened();
    await says(
      page.getByRole('region', { name: 'Balance' }),
      /given to \d queues, each event once to each[\s\S]+stored[\s\S]+waiting[\s\S]+Balanced/,
    );
    const flow = page.getByRole('region', { name: 'Topology' });
    await says(flow, /relp[\s\S]+received[\s\S]+main[\s\S]+search[\s\S]+db/);
    expect(await flow.locator('svg path').count()).toBeGreaterThan(5);
    await says(page.locator('.page > header'), /Live[\s\S]+1 process on 1 host[\s\S]+free/);
  });

  test('clients, rules, processes, stores', async () => {
    const { page } = await opened();
    await says(page.getByRole('region', { name: 'Clients', exact: true }), /127\.0\.0\.1[\s\S]+relp/);
    await says(page.getByRole('region', { name: 'Filter of main' }), /json\([\s\S]+drop/);
    const processes = page.getByRole('region', { name: 'Processes', exact: true });
    await says(processes, /running[\s\S]+runs as user \w+, capabilities/);
    await says(page.getByRole('region', { name: 'Stores', exact: true }), /search[\s\S]+OK/);
  });

  test('live: what comes is counted while one looks', async () => {
    const { page } = await opened();
    const sum = page.locator('.eq .t b').first();
    await says(page.locator('.page > header'), 'Live');
    const before = Number((await sum.innerText()).replace(/\D/g, ''));
    await throughRsyslog(
      Array.from({ length: 50 }, (_, n) => ({
        severity: 6,
        host: 'web1',
        app: 'more',
        message: `more ${n}`,
      })),
    );
    await expect
      .poll(async () => Number((await sum.innerText()).replace(/\D/g, '')))
      .toBeGreaterThanOrEqual(before + 50);
  });

  test('a queue is looked into', async () => {
    const { page } = await opened();
    await page.locator('button.node', { hasText: 'search' }).first().click();
    await says(page.locator('dialog'), /Nothing waits in it now/);
    await page.keyboard.press('Escape');
    await number(page.locator('dialog'), 0);
  });

  test('red when it does not balance, and a shipper in trouble is named', async () => {
    const tab = await opened((tab) =>
      changed(tab, (told) => {
        told.totals.stored = Number(told.totals.stored) - 7;
        told.totals.balanced = false;
        const [ship] = told.ships;
        Object.assign(ship ?? {}, { failing: true, last_error: 'disk full <b>' });
        told.troubles = [`shipper \`${ship?.name}\`: disk full <b>`, 'certificate: ended'];
      }),
    );
    const { page } = tab;
    await says(page.locator('.eq [role=alert]'), 'Does not balance: 7 events are nowhere');
    await says(page.locator('.banner.err'), 'disk full <b>');
    await says(page.locator('.page > header'), '3 troubles');
    await says(page.getByRole('navigation', { name: 'Main' }), /Status\s*3/);
    expect(await colour(page.locator('.eq [role=alert]'))).not.toBe(await colour(page.locator('h1')));
  });

  test('where events are handed on to, and until when certificates are valid', async () => {
    const target = {
      sent: 12345,
      refused: 3,
      unacknowledged: 0,
      tls: 'siem1.example.net (TLS 1.3)',
      certificate_days_left: 12,
      compression: 'zstd',
      sent_bytes: 1000,
      plain_bytes: 5300,
      since: new Date(Date.now() - 3600_000).toISOString(),
    };
    const { page } = await opened((tab) =>
      changed(tab, (told) => {
        const [ship] = told.ships;
        const away = { tls: 'no connection', certificate_days_left: null, compression: null, sent: 0 };
        const targets = [
          { ...target, address: 'siem1.example.net:6514', state: 'in use' },
          { ...target, ...away, address: 'siem2:6514', state: 'failing', trouble: 'cannot trust <b>' },
        ];
        Object.assign(ship ?? {}, { forward: { targets } });
        told.certificates = [
          { place: 'listener `tls`', name: 'log1.example.net', ends: '2026-01-01T00:00:00Z', days_left: -3 },
          { place: 'listener `in`', name: 'log2.example.net', ends: '2036-01-01T00:00:00Z', days_left: 12 },
        ];
      }),
    );
    const targets = page.getByRole('region', { name: 'Targets', exact: true });
    await says(
      targets,
      /siem1\.example\.net:6514[\s\S]+in use[\s\S]+1 h ago[\s\S]+TLS 1\.3[\s\S]+12 days left[\s\S]+5\.3 : 1[\s\S]+12.345[\s\S]+3/,
    );
    await says(targets, /siem2:6514[\s\S]+failing[\s\S]+no connection[\s\S]+cannot trust <b>/);
    await says(
      page.getByRole('region', { name: 'Certificates', exact: true }),
      /listener tls[\s\S]+log1\.example\.net[\s\S]+ended[\s\S]+trouble[\s\S]+12 days left[\s\S]+ends soon/,
    );
  });

  test('senders that fell silent', async () => {
    const { page } = await opened((tab) =>
      changed(tab, (told) => {
        const [listener] = told.listeners;
        if (listener)
          listener.senders = [{ name: '192.0.2.9', last_seen: Math.floor(Date.now() / 1000) - 3600 }];
      }),
    );
    await says(page.getByRole('region', { name: 'Silent senders', exact: true }), /192\.0\.2\.9[\s\S]+ago/);
  });
});

describe('notices', () => {
  const NOTICE = { time: new Date().toISOString(), process: { host: 'log1', component: 'server' } };
  /** These notices and no more. */
  const told = (tab: Tab, notices: object[]) =>
    tab.page.route(/\/api\/notifications/, (route) =>
      route.fulfill({
        contentType: 'text/event-stream',
        body: `retry: 600000\n\n${notices.map((n) => `data: ${JSON.stringify({ ...NOTICE, ...n })}\n\n`).join('')}`,
      }),
    );

  test('a trouble rings until it is looked at, and every change is listed', async () => {
    const { page } = await opened((tab) =>
      told(tab, [
        { notice: 'listener.up', subject: 'relp', text: '127.0.0.1:2514' },
        { notice: 'ship.failing', subject: 'db', text: 'disk full <b>' },
      ]),
    );
    const bell = page.getByRole('button', { name: '1 new trouble' });
    await bell.click();
    const list = page.getByRole('region', { name: 'Notices' });
    await says(list, /Shipper db is in trouble\s+disk full <b>, on log1[\s\S]+Listener relp listens\s+127/);
    await number(bell, 0);
    await list.getByRole('link', { name: 'Status' }).click();
    await number(list, 0);
  });

  test('nothing has changed, and since when', async () => {
    const { page } = await opened();
    await page.getByRole('button', { name: 'Notices' }).click();
    await says(page.locator('.notices'), /Nothing has changed since \d\d:\d\d:\d\d UTC/);
  });

  test('in the background the page does not listen, and the list says from when to when', async () => {
    const { page } = await opened((tab) => tab.page.clock.install());
    const bell = page.getByRole('button', { name: 'Notices' });
    const list = page.locator('.notices');
    await bell.click();
    await says(list, 'Nothing has changed since');
    const turn = async (hidden: boolean) => {
      const asked = hidden ? null : page.waitForRequest(/\/api\/notifications/);
      await page.evaluate((now) => {
        Object.defineProperty(document, 'hidden', { configurable: true, get: () => now });
        document.dispatchEvent(new Event('visibilitychange'));
      }, hidden);
      await asked;
    };
    await turn(true);
    await page.clock.fastForward(60_000);
    await turn(false);
    await says(list, /Not listened from \d\d:\d\d:\d\d to \d\d:\d\d:\d\d/);
  });
});
