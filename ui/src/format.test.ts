import { expect, test } from 'vitest';
import { ago, bytes, int, many, percent, rate, span } from './format';

const THIN = '\u2009';

test('numbers have thin spaces', () => {
  expect(int(1423)).toBe(`1${THIN}423`);
  expect(int(48211904.4)).toBe(`48${THIN}211${THIN}904`);
});
test('shares', () => {
  expect([100, 99.96, 42.4, 1.62, 0.05, 0].map(percent)).toEqual([
    '100 %',
    '> 99.9 %',
    '42 %',
    '1.6 %',
    '< 0.1 %',
    '0 %',
  ]);
});
test('one and many', () =>
  expect([many(1, 'event'), many(2, 'event'), many(2, 'process', 'processes')]).toEqual([
    '1 event',
    '2 events',
    '2 processes',
  ]));
test('sizes', () =>
  expect([0, 999, 1000, 1.4e6, 412e9].map(bytes)).toEqual(['0 B', '999 B', '1.0 kB', '1.4 MB', '412 GB']));
test('rates', () => expect([0, 0.31, 9.94, 1402].map(rate)).toEqual(['0', '0.3', '9.9', `1${THIN}402`]));
test('how long ago', () =>
  expect([-5, 999, 1000, 90_000].map(ago)).toEqual(['just now', 'just now', '1 s ago', '2 m ago']));
test('lengths of time', () => {
  const s = 1000;
  expect(
    [12, 3200, 59 * s, 60 * s, 90 * 60 * s, 3600 * s, 26 * 3600 * s, 40 * 86400 * s, 2523 * 86400 * s].map(
      span,
    ),
  ).toEqual(['12 ms', '3.2 s', '59 s', '1 m', '1 h 30 m', '1 h', '1 d 2 h', '40 d', '6 y 333 d']);
});
