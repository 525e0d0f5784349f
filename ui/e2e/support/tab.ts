/**
 * A tab of a real browser that is watched: what it complains of, what it asks of other hosts and what
 * breaks its content security policy fails the test in which it happens.
 */
import {
  type Browser,
  type BrowserContext,
  chromium,
  type Locator,
  type Page,
  type Route,
} from 'playwright-core';
import { expect, inject } from 'vitest';
import { ADMIN, BASE, PASSWORD } from './server';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
/** So often Chromium may be started. */
const LAUNCHES = 3;
/** So long an element may take to be there. */
const PATIENCE_MS = 30_000;

let browser: Browser;
let tabs: Tab[] = [];

/** Chromium now and then ends while it starts on a busy machine: another one is started, and it is said. */
export async function launch(): Promise<void> {
  const asRoot = process.getuid?.() === 0 ? ['--no-sandbox', '--disable-dev-shm-usage'] : [];
  for (let tries = 1; ; tries += 1) {
    try {
      browser = await chromium.launch({ executablePath: CHROMIUM, args: [...asRoot, '--disable-gpu'] });
      return;
    } catch (error) {
      if (tries === LAUNCHES) throw error;
      process.stderr.write(`Chromium did not start: ${error}\n`);
    }
  }
}

export async function quit(): Promise<void> {
  await browser?.close();
}

/** Closes the tabs of a test and says what they complained of. With a name, keeps pictures of them. */
export async function closeTabs(picture: string): Promise<string[]> {
  const all = tabs;
  tabs = [];
  for (const [n, tab] of all.entries()) {
    if (picture) await tab.page.screenshot({ path: `${picture}-${n}.png` }).catch(() => undefined);
    await tab.page.unrouteAll({ behavior: 'ignoreErrors' });
    await tab.context.close();
  }
  return all.flatMap((tab) => tab.complaints);
}

export interface Look {
  width?: number;
  height?: number;
  dark?: boolean;
  timezone?: string;
  base?: string;
}

export class Tab {
  readonly complaints: string[] = [];
  /** What the console may say, because the test wants it to happen. */
  readonly expected: RegExp[] = [];

  constructor(
    readonly context: BrowserContext,
    readonly page: Page,
    readonly base: string,
  ) {}

  complain(what: string): void {
    if (!this.expected.some((known) => known.test(what))) this.complaints.push(what.slice(0, 500));
  }
}

/** A tab with nothing in it yet. */
export async function openTab(look: Look = {}): Promise<Tab> {
  const { width = 1440, height = 900, dark = false, timezone = 'Europe/Berlin', base = BASE } = look;
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: dark ? 'dark' : 'light',
    timezoneId: timezone,
    locale: 'en-GB',
    reducedMotion: 'reduce',
    acceptDownloads: true,
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const tab = new Tab(context, page, base);
  tabs.push(tab);
  await context.exposeBinding('complain', (_, what: string) => tab.complain(what));
  await context.addInitScript(() => {
    const { complain } = window as unknown as { complain: (what: string) => void };
    document.addEventListener('securitypolicyviolation', (ev) =>
      complain(`content security policy: ${ev.violatedDirective} ${ev.blockedURI} ${ev.sample}`),
    );
    Object.assign(window, { xss: (n: unknown) => complain(`a script of an event ran: ${n}`) });
  });
  page.on('dialog', (dialog) => {
    tab.complain(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('pageerror', (error) => tab.complain(`error: ${error.stack ?? error}`));
  page.on('console', (said) => {
    if (['error', 'warning'].includes(said.type())) tab.complain(`console: ${said.text()}`);
  });
  const own = new URL(base).origin;
  context.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith('http') && url.origin !== own) tab.complain(`asks another host: ${url}`);
  });
  return tab;
}

/**
 * Address of a view. The range is that of the events that were sent before the tests, unless said otherwise:
 * what a test sends itself is not in it.
 */
export function address(view: string, parameters: Record<string, string> = {}, base = BASE): string {
  return `${base}#/${view}?${new URLSearchParams({ ...inject('fed'), ...parameters })}`;
}

/** A tab with a view in it. */
export async function visit(
  view: string,
  parameters: Record<string, string> = {},
  look: Look = {},
): Promise<Tab> {
  const tab = await openTab(look);
  await tab.page.goto(address(view, parameters, tab.base));
  await ready(tab.page);
  return tab;
}

/** A tab with a view in it, for somebody who logs in first. */
export async function enter(
  view: string,
  parameters: Record<string, string> = {},
  user = ADMIN,
  password = PASSWORD,
): Promise<Tab> {
  const tab = await openTab();
  const { page } = tab;
  tab.expected.push(/status of 401/);
  await page.goto(address(view, parameters, tab.base));
  await logIn(page, user, password);
  await ready(page);
  return tab;
}

/** Keeps requests from being answered until each is let go; gives those that are kept. */
export async function hold(page: Page, url: RegExp): Promise<Route[]> {
  const held: Route[] = [];
  await page.route(url, (route) => void held.push(route));
  return held;
}

/** Waits until the view has something to show and no search runs. */
export async function ready(page: Page): Promise<void> {
  await page.locator('#page:not([inert])').locator('.row, .empty, .page > *').first().waitFor();
  await idle(page);
}

/** Waits until no search runs. */
export async function idle(page: Page): Promise<void> {
  await page.waitForFunction(() => !document.querySelector('.prog, .list.stale'));
}

/** A parameter of the address. */
export function parameter(page: Page, name: string): string | null {
  return new URLSearchParams(new URL(page.url()).hash.split('?')[1]).get(name);
}

/** Waits until the address asks this. */
export async function asks(page: Page, q: string | RegExp): Promise<void> {
  const now = expect.poll(() => parameter(page, 'q') ?? '');
  await (typeof q === 'string' ? now.toBe(q) : now.toMatch(q));
  await idle(page);
}

/** Types a query and runs it. */
export async function search(page: Page, q: string): Promise<void> {
  await page.locator('#q').fill(q);
  await page.locator('#q').press('Enter');
  await asks(page, q);
}

/** Waits until something says so. */
export async function says(where: Locator, text: string | RegExp): Promise<void> {
  const now = expect.poll(async () => (await where.allInnerTexts()).join('\n'));
  await (typeof text === 'string' ? now.toContain(text) : now.toMatch(text));
}

/** Clicks what is shown only while the mouse is over something, which what still loads may move away from it. */
export async function clickOver(over: Locator, what: Locator): Promise<void> {
  const clicked = async () => {
    await over.hover();
    return what.click({ timeout: 1000 }).then(
      () => true,
      () => false,
    );
  };
  await expect.poll(clicked).toBe(true);
}

/** Waits until there are so many. */
export async function number(of: Locator, n: number): Promise<void> {
  await expect.poll(() => of.count()).toBe(n);
}

export const rows = (page: Page): Locator => page.locator('.row');

/** Opens the first row that has this text, and waits for its fields. */
export async function openRow(page: Page, text?: string): Promise<Locator> {
  const row = text === undefined ? rows(page) : rows(page).filter({ hasText: text });
  await row.first().locator('.msg').click();
  const detail = page.locator('.det');
  await detail.locator('.rail dl').waitFor();
  return detail;
}

/** In which colour the first of them is written. */
export function colour(of: Locator): Promise<string> {
  return of.first().evaluate((el) => getComputedStyle(el).color);
}

/** What lies on the clipboard. */
export function clipboard(page: Page): Promise<string> {
  return page.evaluate(() => navigator.clipboard.readText());
}

/** Fills in the form of the log-in. */
export async function logIn(page: Page, user = ADMIN, password = PASSWORD): Promise<void> {
  await page.locator('[name=user]').fill(user);
  await page.locator('[name=password]').fill(password);
  await page.locator('[name=password]').press('Enter');
}
