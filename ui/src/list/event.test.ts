import { expect, test } from 'vitest';
import { sealOf, skewed } from './event';

const check = (skew: number, expected: string | RegExp) => () => expect(skewed(skew)).toMatch(expected);

test('clocks that nearly agree', check(1900, /^$/));
test('a time that nobody can read', check(Number.NaN, /^$/));
test('an event that was late', check(3600_000, /^written 1 h before it was received: it was late/));
test('a clock that is ahead', check(-5000, "written 5 s after it was received: the sender's clock is ahead"));

test('seals in words', () => {
  expect(sealOf({ verdict: 'good', key: '2026a' })).toBe('good, key 2026a');
  expect(sealOf({ verdict: 'broken' })).toMatch(/^broken: the event was changed/);
  expect(sealOf({ verdict: 'no_key' })).toBe('there is no key here to verify it');
  expect(sealOf({ verdict: 'unsealed' })).toBe('unsealed');
});
