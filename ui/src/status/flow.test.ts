import { describe, expect, test } from 'vitest';
import type { Installation } from '../api-types';
import { missing } from './balance';
import { flow } from './flow';
import { Rates } from './rates';
import { howMany, troubles } from './troubles';

const none: Installation = {
  running: true,
  processes: [],
  totals: { received: 0, stored: 0, waiting: 0, rescued: 0, dropped: 0, damaged: 0, balanced: true },
  listeners: [],
  exchanges: [],
  queues: [],
  brokers: [],
  disks: [],
  machines: [],
  ships: [],
  stores: [],
  rescue: {},
  troubles: [],
};
const listener = {
  protocol: 'tcp',
  address: '',
  received: 0,
  accepted: 0,
  lost: 0,
  connections: 0,
  kernel_drops: 0,
  refused: 0,
  stalled: false,
};
const exchange = { published: 0, disk_bytes: 0, max_bytes: 0, segments: 0, commits: 0, damaged: 0 };
const queue = {
  configured: true,
  stored: 0,
  rescued: 0,
  dropped: 0,
  leased: 0,
  redelivered: 0,
  waiting: 0,
  balanced: true,
};
const ship = { kind: 'files', stored: 0, rescued: 0, failures: 0, failing: false };
const harvest = {
  directory: '/srv/drop',
  waiting: 2,
  temporary: 0,
  in_hand: 1,
  done: 0,
  again: 0,
  failed: 0,
  accepted: 0,
  bytes: 0,
  stalled: false,
};
const machine = { received: 0, stored: 0, dropped: 0, failing: false };

const simple: Installation = {
  ...none,
  listeners: [{ ...listener, name: 'tcp' }],
  exchanges: [
    { ...exchange, name: 'received' },
    { ...exchange, name: 'events' },
  ],
  queues: [
    { ...queue, name: 'main', exchange: 'received' },
    { ...queue, name: 'archive', exchange: 'events', oldest_seconds: 90, waiting: 4 },
  ],
  machines: [{ ...machine, name: 'main', queue: 'main', destination: 'events' }],
  ships: [{ ...ship, name: 'archive', queue: 'archive', failing: true, last_error: 'disk full' }],
};

describe('the picture', () => {
  const columns = (s: Installation) =>
    flow(s)
      .columns.map((c) => c.nodes.map((n) => n.name).join('+'))
      .join(' > ');
  test('of nothing is empty', () => expect(flow(none).columns).toEqual([]));
  test('has what flows in its order', () =>
    expect(columns(simple)).toBe('tcp > received > main > events > archive > archive'));
  test('has queues in the order of their shippers', () =>
    expect(
      columns({
        ...none,
        exchanges: [{ ...exchange, name: 'x' }],
        queues: ['a', 'b', 'c'].map((name) => ({ ...queue, name, exchange: 'x' })),
        ships: ['c', 'a'].map((name) => ({ ...ship, name, queue: name })),
      }),
    ).toBe('x > b+c+a > c+a'));
  test('without machines', () =>
    expect(
      columns({
        ...simple,
        machines: [],
        exchanges: [{ ...exchange, name: 'events' }],
        queues: simple.queues.slice(1),
      }),
    ).toBe('tcp > events > archive > archive'));
  test('where a machine has nothing to do', () =>
    expect(
      columns({
        ...simple,
        machines: [],
        exchanges: simple.exchanges.slice(0, 1),
        queues: simple.queues.slice(1),
      }),
    ).toBe('tcp > received > archive > archive'));
  const files = { watched: 3, open: 2, oldest_seconds: 9, truncated: 0, gaps: 0, gap_bytes: 0, troubles: [] };
  const notes = (s: Installation) => flow(s).columns[0]?.nodes.map((n) => n.note);
  test('says which files a listener follows', () => {
    const reading = (bytes_behind: number) =>
      notes({ ...none, listeners: [{ ...listener, name: 'files', files: { ...files, bytes_behind } }] });
    expect(reading(0)).toEqual(['3 files']);
    expect(reading(2_000_000)).toEqual(['3 files, 2.0 MB to be read']);
  });
  test('has harvests where listeners are', () => {
    const s = {
      ...simple,
      harvests: [
        { ...harvest, name: 'drop' },
        { ...harvest, name: 'full', stalled: true },
      ],
    };
    expect(columns(s)).toBe('tcp+drop+full > received > main > events > archive > archive');
    expect(notes(s)).toEqual(['', '3 files to be read', 'its queue takes nothing']);
    expect(
      flow(s)
        .edges.slice(0, 3)
        .map((e) => e.state),
    ).toEqual(['', '', 'warn']);
  });
  test('of a loop ends', () =>
    expect(
      flow({ ...simple, machines: [{ ...machine, name: 'main', queue: 'main', destination: 'received' }] })
        .columns.length,
    ).toBeGreaterThan(0));
  test('says where it backs up and fails', () =>
    expect(flow(simple).edges.map((e) => e.state)).toEqual(['', '', 'warn', '', 'err']));
});

describe('troubles', () => {
  const said = (...all: string[]) => troubles({ ...simple, troubles: all });
  test('say that nothing is lost', () =>
    expect(said('shipper `archive`: disk full', 'listener `tcp`: ended')).toEqual([
      'shipper `archive`: disk full. Nothing is lost: 4 events wait in queue `archive`',
      'listener `tcp`: ended',
    ]));
  test('end with one sign, and have no number of an error', () =>
    expect(said('shipper `archive`: Connection refused (os error 111); does it run?')).toEqual([
      'shipper `archive`: Connection refused; does it run? Nothing is lost: 4 events wait in queue `archive`',
    ]));
  test('are not what is in the rescue', () =>
    expect(said('the rescue holds 3 events of `a`: see `loggr rescue list`')).toEqual([]));
});

test('rates', () => {
  const rates = new Rates();
  expect(rates.of('a')).toBeUndefined();
  rates.add(0, new Map([['a', 100]]));
  rates.add(2000, new Map([['a', 300]]));
  expect(rates.of('a')).toBe(100);
  rates.add(20000, new Map([['a', 5]]));
  expect(rates.of('a')).toBeUndefined();
});

test('a balance that does not hold is a trouble', () => {
  expect(howMany(none)).toBe(0);
  expect(howMany({ ...none, totals: { ...none.totals, balanced: false } })).toBe(1);
});
test('what a queue misses', () => {
  const q = { ...queue, name: 'q', exchange: 'x', received: 10, stored: 5, waiting: 2, rescued: 1 };
  expect(missing(q)).toBe(2);
  expect(missing({ ...q, leased: 2 })).toBe(2);
  expect(missing({ ...q, received: undefined })).toBe(0);
});
