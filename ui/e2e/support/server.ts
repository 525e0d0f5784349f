/** The server under test: its address, its API asked without a browser. Not: what the page makes of it. */

function needed(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: \`cargo test -p loggr --test it page\` runs these tests`);
  return value;
}

/** Address of the page, with a slash at its end. */
export const BASE = needed('LOGGR_PAGE_URL');
/** Port of the rsyslog that forwards to loggr. */
export const RSYSLOG_PORT = Number(needed('LOGGR_PAGE_RSYSLOG'));
/** Port of loggr's own listener, which trusts its peers as loggr trusts loggr. */
export const TCP_PORT = Number(needed('LOGGR_PAGE_TCP'));
/** The code of the link of a first start, where the test has one. */
export const LINK_CODE = process.env.LOGGR_PAGE_CODE ?? '';

/** The provider of log-ins, where the test has one. */
export const PROVIDER = process.env.LOGGR_PAGE_PROVIDER ?? '';

export const ADMIN = 'anna';
export const PASSWORD = 'correct horse battery';

/** So long a condition may take to come true. */
const PATIENCE_MS = 30_000;
const BETWEEN_MS = 40;

/** Asks until there is an answer that is not undefined. */
export async function until<T>(what: string, probe: () => Promise<T | undefined>): Promise<T> {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const answer = await probe();
    if (answer !== undefined) return answer;
    if (Date.now() > end) throw new Error(`waited ${PATIENCE_MS} ms in vain: ${what}`);
    await new Promise((done) => setTimeout(done, BETWEEN_MS));
  }
}

/** Somebody who asks the API: nobody, or who logged in. */
export class Asker {
  private cookie = '';
  private csrf = '1';

  async logIn(user: string, password: string): Promise<this> {
    const response = await this.send('POST', 'login', { user, password });
    if (!response.ok) throw new Error(`${user} cannot log in: ${await response.text()}`);
    this.cookie = (response.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
    this.csrf = ((await response.json()) as { csrf: string }).csrf;
    return this;
  }

  send(method: string, path: string, body?: unknown): Promise<Response> {
    return fetch(`${BASE}api/${path}`, {
      method,
      headers: { 'X-Loggr-Csrf': this.csrf, Cookie: this.cookie, 'Content-Type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  }

  async get<T>(path: string, parameters: Record<string, string> = {}): Promise<T> {
    const query = new URLSearchParams(parameters).toString();
    const response = await this.send('GET', query ? `${path}?${query}` : path);
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }

  /** How many events a query finds, of all times. */
  async count(q: string): Promise<number> {
    return (await this.get<{ events: number }>('count', { q })).events;
  }
}

/** Somebody who may ask: this machine while there are no users, else the administrator. */
export async function asker(): Promise<Asker> {
  const it = new Asker();
  const me = await it.send('GET', 'me');
  return me.status === 401 ? it.logIn(ADMIN, PASSWORD) : it;
}

/** Waits until a query finds so many events, of all times. */
export function stored(q: string, events: number, who = new Asker()): Promise<true> {
  return until(`${events} events of \`${q}\``, async () =>
    (await who.count(q)) >= events ? true : undefined,
  );
}
