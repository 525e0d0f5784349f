/**
 * The events that the tests know: some of now through rsyslog, and the two hours before as another
 * loggr would forward them. Not the hostile ones (hostile.ts).
 */
import { forwarded, type Line, raw, throughRsyslog } from './send';

const MINUTE_MS = 60_000;
const MINUTES = 120;

export const FAILED = 40;
export const SERVED = 60;
export const FULL = 3;
export const ORDERS = 6;
/** Lines of each minute of the past, and those of the minutes in which a disk broke. */
const PER_MINUTE = 4;
const BAD_MINUTES = 6;
const PER_BAD_MINUTE = 20;

export const BROKEN = 'this line has neither a time nor a host';

const times = <T>(n: number, make: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => make(i));

function ofNow(): Line[] {
  return [
    ...times(FAILED, (n) => ({
      severity: 4,
      facility: 4,
      host: n % 2 ? 'web1' : 'web2',
      app: 'sshd',
      data: `[login@32473 user="u${n % 4}" attempt="${n}" secret="hunter${n}"]`,
      message: `Failed password for u${n % 4} from 10.0.0.${n} port ${40000 + n} ssh2`,
    })),
    ...times(SERVED, (n) => ({
      severity: 6,
      host: 'web1',
      app: 'nginx',
      message: `GET /shop/${n} 200 in ${n} ms`,
    })),
    ...times(FULL, (n) => ({
      severity: 2,
      host: 'db1',
      app: 'postgres',
      message: `could not write block ${n}: No space left on device`,
    })),
    ...times(ORDERS, (n) => ({
      severity: 5,
      host: 'web2',
      app: 'shop',
      message: JSON.stringify({
        event: 'order',
        id: n,
        customer: { name: 'Ann', city: 'Rome' },
        items: [1, 2],
      }),
    })),
    {
      severity: 3,
      host: 'web2',
      app: 'billing',
      message:
        'java.lang.IllegalStateException: no rate\n\tat Rates.of(Rates.java:7)\n\tat Bill.make(Bill.java:99)',
    },
    { severity: 5, host: 'web2', app: 'furnace', message: '\u001b[31mred alert\u001b[0m of the furnace' },
    {
      severity: 5,
      host: 'web2',
      app: 'late',
      message: 'this was an hour on its way',
      at: Date.now() - 60 * MINUTE_MS,
    },
  ];
}

function ofThePast(): object[] {
  const now = Date.now();
  const at = (minute: number, n: number) => new Date(now - minute * MINUTE_MS + n * 1000).toISOString();
  const past: object[] = [];
  for (let minute = MINUTES; minute > 0; minute -= 1) {
    past.push(
      ...times(PER_MINUTE, (n) => ({
        timegenerated: at(minute, n),
        severity: n ? 'info' : 'notice',
        source: 'mail1',
        app_name: 'cron',
        message: `job ${minute * PER_MINUTE + n} done in ${10 + n} ms`,
        ...(minute === MINUTES && n === 0 ? { rare_flag: 'seen once' } : {}),
      })),
    );
    if (minute <= 50 && minute > 50 - BAD_MINUTES) {
      past.push(
        ...times(PER_BAD_MINUTE, (n) => ({
          timegenerated: at(minute, n),
          severity: 'err',
          source: 'db1',
          app_name: 'smartd',
          message: `disk sd${'ab'[n % 2]} has ${n} bad sectors`,
        })),
      );
    }
  }
  return past;
}

/** Sends all of them. Returns how many there are. */
export async function sendAll(): Promise<number> {
  const past = ofThePast();
  const now = ofNow();
  await forwarded(past);
  await raw(BROKEN);
  await throughRsyslog(now);
  return past.length + 1 + now.length;
}
