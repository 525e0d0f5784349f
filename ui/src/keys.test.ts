import { expect, test } from 'vitest';
import { actionOf, KEYS } from './keys';

test('no key has two meanings', () => {
  const keys = KEYS.flatMap((k) => [k.key, ...(k.also ?? [])]);
  expect(new Set(keys).size).toBe(keys.length);
});
test('keys have actions', () => {
  expect(['j', 'ArrowDown', 'Y', 'y', ' ', 'Escape', '?', 'q'].map(actionOf)).toEqual([
    'next',
    'next',
    'link',
    'copy',
    'pause',
    'close',
    'help',
    undefined,
  ]);
});
