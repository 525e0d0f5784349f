import { expect, test } from 'vitest';
import { ordered, turned } from './order';

test('a column turns twice and is let go', () => {
  const first = turned(null, 1, false);
  expect(first).toEqual({ at: 1, up: false });
  const second = turned(first, 1, false);
  expect(second).toEqual({ at: 1, up: true });
  expect(turned(second, 1, false)).toBeNull();
  expect(turned(second, 2, true)).toEqual({ at: 2, up: true });
});
test('rows in order', () => {
  const rows = [2, 3, 1].map((n) => ({ by: [0, n] }));
  const at = (up: boolean) => ordered(rows, { at: 1, up }).map((r) => r.by[1]);
  expect(at(true)).toEqual([1, 2, 3]);
  expect(at(false)).toEqual([3, 2, 1]);
  expect(ordered(rows, null)).toBe(rows);
});
