// Gives a running loggr the made-up logs of an evening on which a database ran out of connections, and
// photographs what its page shows of them. `scripts/pictures.sh` starts it.
//   node scripts/pictures.mjs RUN.JSON DIRECTORY
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { chromium } from 'playwright-core';
import { pixels, withPalette } from './palette.mjs';

const [runFile, directory] = process.argv.slice(2);
const run = JSON.parse(readFileSync(runFile, 'utf8'));
const portOf = (name) =>
  Number(
    run.listeners
      .find((l) => l.name === name)
      .address.split(':')
      .at(-1),
  );
const base = `${[run.web].flat()[0].replace(/\/$/, '')}/`.replace(/^(?!http)/, 'http://');

const SIZE = { width: 1280, height: 800 };
const MINUTE = 60_000;
const PAST_MINUTES = 90;
/** Between these minutes before now the database had no connection left. */
const BAD = [22, 14];

let seed = 7;
const random = () => {
  seed = (seed * 1103515245 + 12345) % 2147483648;
  return seed / 2147483648;
};
const below = (n) => Math.floor(random() * n);
const one = (...list) => list[below(list.length)];
const address = () => `203.0.113.${1 + below(60)}`;

const paths = [
  '/',
  '/cart',
  '/checkout',
  '/product/8812',
  '/product/120',
  '/search?q=lamp',
  '/api/stock',
  '/login',
];
/** How often, out of 100 lines, and what: severity, host, program, message. */
const USUAL = [
  [
    46,
    () => [
      'info',
      one('web1', 'web2', 'web3'),
      'nginx',
      `${address()} "GET ${one(...paths)} HTTP/1.1" ${one(200, 200, 200, 304, 404)} ${200 + below(9000)} ${(random() / 5).toFixed(3)}s`,
    ],
  ],
  [
    14,
    () => [
      'info',
      one('shop1', 'shop2'),
      'shop',
      JSON.stringify({
        event: 'order',
        order: 48000 + below(900),
        total: below(20000) / 100,
        currency: 'EUR',
        ms: 8 + below(40),
      }),
    ],
  ],
  [
    9,
    () => [
      'notice',
      one('shop1', 'shop2'),
      'shop',
      JSON.stringify({ event: 'login', user: one('mara', 'jon', 'li', 'ada'), client_ip: address() }),
    ],
  ],
  [
    8,
    () => [
      'warning',
      one('web1', 'web2', 'mail1'),
      'sshd',
      `Failed password for ${one('root', 'admin', 'invalid user test')} from ${address()} port ${40000 + below(20000)} ssh2`,
    ],
  ],
  [
    6,
    () => [
      'info',
      'mail1',
      'dovecot',
      `imap-login: Login: user=<${one('mara', 'jon', 'li')}>, method=PLAIN, rip=${address()}, TLS`,
    ],
  ],
  [
    6,
    () => [
      'info',
      one('db1', 'db2'),
      'postgres',
      `checkpoint complete: wrote ${below(900)} buffers; write=${(random() * 30).toFixed(3)} s`,
    ],
  ],
  [
    5,
    () => [
      'info',
      one('web1', 'db1', 'mail1'),
      'cron',
      `(root) CMD (run-parts /etc/cron.${one('hourly', 'daily')})`,
    ],
  ],
  [
    4,
    () => [
      'notice',
      one('web1', 'web2', 'web3'),
      'kernel',
      `[${below(90000)}.${below(999999)}] TCP: request_sock_TCP: Possible SYN flooding on port 443. Sending cookies.`,
    ],
  ],
  [2, () => ['debug', one('shop1', 'shop2'), 'shop', `cache refreshed in ${below(60)} ms`]],
];
const BROKEN = [
  [
    40,
    () => [
      'err',
      one('shop1', 'shop2'),
      'shop',
      `checkout failed for order ${48000 + below(900)}: no connection to db1:5432 after ${5000 + below(400)} ms`,
    ],
  ],
  [34, () => ['crit', 'db1', 'postgres', 'FATAL: remaining connection slots are reserved for superuser']],
  [
    26,
    () => [
      'warning',
      one('web1', 'web2', 'web3'),
      'nginx',
      `${address()} "POST /checkout HTTP/1.1" 502 157 ${(5 + random()).toFixed(3)}s`,
    ],
  ],
];

function from(table) {
  let left = below(100);
  for (const [share, make] of table) {
    left -= share;
    if (left < 0) return make();
  }
  return table[0][1]();
}

const SEVERITY = ['emerg', 'alert', 'crit', 'err', 'warning', 'notice', 'info', 'debug'];
const facility = (app) => ({ sshd: 10, cron: 9, kernel: 0, dovecot: 2 })[app] ?? 16;

function past() {
  const now = Date.now();
  const lines = [];
  for (let minute = PAST_MINUTES; minute > 0; minute -= 1) {
    const bad = minute <= BAD[0] && minute > BAD[1];
    const n = 34 + Math.round(14 * Math.sin(minute / 9)) + below(10);
    for (let i = 0; i < n + (bad ? 30 : 0); i += 1) {
      const [severity, source, app_name, message] = from(i >= n ? BROKEN : USUAL);
      const at = new Date(now - minute * MINUTE + below(MINUTE)).toISOString();
      lines.push({
        timegenerated: at,
        timereported: at,
        severity,
        source,
        app_name,
        procid: String(400 + below(9000)),
        message,
      });
    }
  }
  return lines.sort((a, b) => (a.timegenerated < b.timegenerated ? -1 : 1));
}

function send(port, bytes) {
  return new Promise((done, failed) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.on('error', failed).on('close', done).resume();
    socket.end(bytes);
  });
}

/** A host that speaks RELP and stays connected. */
function host(name, from) {
  const socket = connect({ host: '127.0.0.1', port: portOf('relp'), localAddress: from });
  let number = 1;
  const frame = (command, data) => {
    socket.write(`${number} ${command} ${Buffer.byteLength(data)} ${data}\n`);
    number += 1;
  };
  frame('open', 'relp_version=0\nrelp_software=loggr-pictures\ncommands=syslog');
  socket.resume();
  return (severity, app, message) => {
    const priority = facility(app) * 8 + SEVERITY.indexOf(severity);
    frame(
      'syslog',
      `<${priority}>1 ${new Date().toISOString()} ${name} ${app} ${400 + below(9000)} - - ${message}`,
    );
  };
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const count = async () => (await (await fetch(`${base}api/count`)).json()).events;

const before = past();
await send(portOf('branch'), before.map((line) => `${JSON.stringify(line)}\n`).join(''));
while ((await count()) < before.length) await pause(100);

const asRoot = process.getuid() === 0 ? ['--no-sandbox', '--disable-dev-shm-usage'] : [];
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [...asRoot, '--disable-gpu'],
});
const page = await browser.newPage({ viewport: SIZE, colorScheme: 'light' });
const blank = await browser.newPage();
const take = async (name, hash, first) => {
  await page.goto('about:blank');
  await page.goto(`${base}#/${hash}`);
  await first();
  await page.mouse.move(SIZE.width / 2, 4);
  const png = await page.screenshot();
  writeFileSync(`${directory}/${name}.png`, withPalette(await pixels(blank, png)));
};

await take('explore', 'explore?q=severity:>=warning&from=now-1h&to=now', async () => {
  await page.locator('.plot rect').first().waitFor();
  // The first error down the list, near its top.
  await page.keyboard.press('e');
  await page.keyboard.press('Enter');
  await page.locator('.det .rail dl').waitFor();
  await page.evaluate(() => {
    const list = document.querySelector('.list');
    const top = (el) => el.getBoundingClientRect().top;
    list.scrollTop += top(document.querySelector('.row.open')) - top(list) - 100;
    list.blur();
  });
});
await take('patterns', 'patterns?from=now-1h&to=now', () => page.locator('.pat').nth(8).waitFor());
const names = ['web1', 'web2', 'web3', 'shop1', 'shop2', 'db1', 'db2', 'mail1'];
const hosts = new Map(names.map((name, n) => [name, host(name, `127.0.0.${11 + n}`)]));
const feeding = setInterval(() => {
  for (let i = 0; i < 6; i += 1) {
    const [severity, source, app, message] = from(USUAL);
    hosts.get(source)(severity, app, message);
  }
}, 100);

await take('status', 'status', async () => {
  await page.locator('.topo .node').first().waitFor();
  // The rates are those of the last ten seconds.
  await page.waitForFunction(() =>
    /[1-9]\d*(\.\d)?\/s/.test(document.querySelector('.topo')?.textContent ?? ''),
  );
  await pause(11_000);
});
clearInterval(feeding);
await browser.close();
process.exit(0);
