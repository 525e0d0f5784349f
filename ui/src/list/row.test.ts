import { expect, test } from 'vitest';
import { columnsFor, leastWidth, template } from './row';

const day = { from: 0, to: 864e5 };

test('a row is as wide as its tracks, gaps and edges', () => {
  const columns = columnsFor(['host', 'app'], day);
  expect(template(columns)).toBe('24px 18px 98px 92px 104px minmax(240px, 1fr)');
  expect(leastWidth(columns)).toBe(24 + 18 + 98 + 92 + 104 + 240 + 5 * 10 + 15);
});
test('thirty columns', () => {
  const names = Array.from({ length: 30 }, (_, i) => `f${i}`);
  expect(leastWidth(columnsFor(names, day))).toBe(24 + 18 + 98 + 30 * 120 + 240 + 33 * 10 + 15);
});
