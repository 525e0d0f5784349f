import { describe, expect, test } from 'vitest';
import { absolute, fraction, point, rangeName, resolve, shift, stamp, stepFor, zoomOut } from './time';

const NOW = Date.UTC(2026, 10, 29, 21, 4, 30);
const MINUTE = 60000;

function at(text: string, expected: string): void {
  const ms = point(text, NOW);
  expect(Number.isFinite(ms) ? new Date(ms).toISOString() : 'nothing').toBe(expected);
}

describe('a typed time', () => {
  test('now', () => at('now', '2026-11-29T21:04:30.000Z'));
  test('relative', () => at('now-15m', '2026-11-29T20:49:30.000Z'));
  test('relative in two units, with spaces and capitals', () =>
    at('NOW - 1h30m', '2026-11-29T19:34:30.000Z'));
  test('a week ago', () => at('now-1w', '2026-11-22T21:04:30.000Z'));
  test('a day', () => at('2026-11-29', '2026-11-29T00:00:00.000Z'));
  test('a minute', () => at('2026-11-29 21:00', '2026-11-29T21:00:00.000Z'));
  test('RFC 3339', () => at('2026-11-29T21:00:00.123456Z', '2026-11-29T21:00:00.123Z'));
  test('another zone', () => at('2026-11-29T21:00:00+02:00', '2026-11-29T19:00:00.000Z'));
  test('seconds since 1970', () => at('1795132800', '2026-11-20T00:00:00.000Z'));
  test('nothing', () => at('', 'nothing'));
  test('words', () => at('yesterday', 'nothing'));
  test('a day that is not there', () => at('2026-13-01', 'nothing'));
});

describe('a range', () => {
  test('is half-open and may not be empty', () => {
    expect(resolve({ from: 'now-15m', to: 'now' }, NOW)).toEqual({ from: NOW - 15 * MINUTE, to: NOW });
    expect(resolve({ from: 'now', to: 'now' }, NOW)).toBeNull();
    expect(resolve({ from: 'now', to: 'now-1h' }, NOW)).toBeNull();
    expect(resolve({ from: 'x', to: 'now' }, NOW)).toBeNull();
  });
  test('moves by half of itself', () => {
    expect(shift({ from: NOW, to: NOW + 10 * MINUTE }, -1)).toEqual(
      absolute({ from: NOW - 5 * MINUTE, to: NOW + 5 * MINUTE }),
    );
  });
  test('zooms out to the next preset if it is relative', () => {
    const range = { from: 'now-15m', to: 'now' };
    const span = { from: NOW - 15 * MINUTE, to: NOW };
    expect(zoomOut(range, span, NOW)).toEqual({ from: 'now-1h', to: 'now' });
  });
  test('doubles around its middle if it is absolute', () => {
    const span = { from: NOW - 60 * MINUTE, to: NOW - 50 * MINUTE };
    expect(zoomOut(absolute(span), span, NOW)).toEqual(
      absolute({ from: NOW - 65 * MINUTE, to: NOW - 45 * MINUTE }),
    );
  });
  test('does not zoom into the future', () => {
    const span = { from: NOW - 10 * MINUTE, to: NOW };
    expect(zoomOut(absolute(span), span, NOW).to).toBe(new Date(NOW).toISOString());
  });
  test('has a name', () => {
    const name = (from: string, to: string) => rangeName({ from, to }, NOW, 'utc');
    expect(name('now-15m', 'now')).toBe('Last 15 minutes');
    expect(name('now-6h', 'now')).toBe('Last 6 hours');
    expect(name('now-1d', 'now')).toBe('Last day');
    expect(name('now-1h30m', 'now')).toBe('now-1h30m – now');
    expect(name('now-3h', 'now-2h')).toBe('now-3h – now-2h');
    expect(name('2026-11-29T20:00:00Z', '2026-11-29T20:10:00Z')).toBe('2026-11-29 20:00:00 – 20:10:00');
    expect(name('2026-11-27T20:00:00Z', '2026-11-29T20:10:00Z')).toBe('2026-11-27 20:00 – 2026-11-29 20:10');
    expect(name('now', 'now-1h')).toBe('Not a range');
  });
  test('has bars of a round width', () => {
    expect(stepFor({ from: 0, to: 15 * MINUTE }, 90)).toBe(10000);
    expect(stepFor({ from: 0, to: 30 * 864e5 }, 90)).toBe(43200000);
  });
});

describe('a point', () => {
  test('is written in UTC', () => expect(stamp(NOW, 'full', 'utc')).toBe('2026-11-29 21:04:30'));
  test('that is none is a dash', () => expect(stamp(Number.NaN, 'full', 'utc')).toBe('–'));
  test('keeps the digits that were written', () => {
    expect(fraction('2026-11-29T21:04:30.123456Z', 6)).toBe('.123456');
    expect(fraction('2026-11-29T21:04:30.1Z', 3)).toBe('.100');
    expect(fraction('2026-11-29T21:04:30Z', 3)).toBe('.000');
  });
});
