import { expect, test } from 'vitest';
import type { HistogramAnswer } from '../api-types';
import { merge, named } from '../explore/search';
import { stepFor } from '../time';
import { layout, nice, short, ticks } from './scale';

const MINUTE = 60000;
const T = Date.UTC(2026, 10, 29, 21);
const iso = (ms: number) => new Date(ms).toISOString();
const answer = (
  buckets: [number, number[]][],
  series: (string | null)[] = ['err', null],
): HistogramAnswer => ({
  by: 'severity',
  partial: false,
  warnings: [],
  range: {},
  stats: { ms: 1, matched: 1, groups: 1, groups_read: 1 },
  without: false,
  width_ms: MINUTE,
  series,
  buckets: buckets.map(([at, counts]) => ({ start: iso(at), counts })),
  total: buckets.reduce((n, [, c]) => n + c.reduce((a, b) => a + b, 0), 0),
});

test('bars that the server leaves out are there', () => {
  const bars = layout(answer([[T + MINUTE, [1, 2]]]), { from: T + 30000, to: T + 4 * MINUTE });
  expect(bars.first).toBe(T);
  expect(bars.sums).toEqual([0, 3, 0, 0]);
  expect(bars.totals).toEqual([1, 2]);
});
test('without any', () => expect(layout(answer([]), { from: T, to: T + 2 * MINUTE }).sums).toEqual([0, 0]));
test('a range of years has a limit', () =>
  expect(layout(answer([[T, [1, 0]]]), { from: 0, to: T }).counts.length).toBeLessThanOrEqual(2000));
test('the axis ends at a round number', () =>
  expect([0, 1, 7, 11, 82, 1300, 99999].map(nice)).toEqual([1, 1, 8, 12, 100, 1600, 100000]));
test('numbers of the axis are short', () =>
  expect([8, 9999, 12000, 1.5e6].map(short)).toEqual(['8', '9999', '12 k', '1.5 M']));
test('few marks on the axis of time', () => {
  expect(ticks({ from: T, to: T + 15 * MINUTE }, 10000, 1000, 'utc').length).toBeLessThanOrEqual(10);
  expect(ticks({ from: T, to: T + 15 * MINUTE }, 10000, 1000, 'utc')[0]).toEqual({ at: T, label: '21:00' });
});
test('the axis of bars of 5 s shows seconds', () =>
  expect(ticks({ from: T, to: T + 6 * MINUTE }, 5000, 1400, 'utc').map((t) => t.label)).toEqual(
    ['21:00', '21:01', '21:02', '21:03', '21:04', '21:05'].flatMap((m) => [`${m}:00`, `${m}:30`]),
  ));
test('no two marks of the axis look alike', () => {
  const [second, hour, day] = [1000, 60 * MINUTE, 1440 * MINUTE];
  for (const length of [
    ...[2, 20, 59, 301, 444, 899].map((n) => n * second),
    ...[1, 5, 23, 25, 35, 40].map((n) => n * hour),
    ...[3, 8, 31, 200, 364, 800, 4000].map((n) => n * day),
  ]) {
    for (const pixels of [330, 700, 1100, 2400]) {
      const range = { from: T + 12345, to: T + 12345 + length };
      const labels = ticks(range, stepFor(range, 90), pixels, 'utc').map((t) => t.label);
      expect(new Set(labels).size, `${length / second} s: ${labels}`).toBe(labels.length);
    }
  }
});
test('pieces of a slow histogram join', () => {
  const joined = merge(
    answer([[T + MINUTE, [1, 0]]], ['a', null]),
    answer(
      [
        [T, [2, 5]],
        [T + MINUTE, [1, 1]],
      ],
      ['b', 'a'],
    ),
  );
  expect(joined.series).toEqual(['a', null]);
  expect(joined.total).toBe(10);
  expect(joined.buckets).toContainEqual({ start: iso(T + MINUTE), counts: [2, 1] });
  expect(joined.buckets).toContainEqual({ start: iso(T), counts: [5, 2] });
});

test('severities stand in their order', () => {
  const sorted = named(answer([[T, [5, 1]]], ['info', 'err']));
  expect([sorted.series, sorted.buckets[0]?.counts]).toEqual([
    ['err', 'info'],
    [1, 5],
  ]);
});
test('events without the field have a series', () =>
  expect(named(answer([[T, [5, 1, 2]]], ['a', null])).series).toEqual(['a', null, null]));
