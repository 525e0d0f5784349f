import { expect, test } from 'vitest';
import { isShort } from './tree';

test('a list of one value needs no branch', () =>
  expect([[], ['a'], [1], [null], ['a', 'b'], [{}]].map(isShort)).toEqual([
    true,
    true,
    true,
    false,
    false,
    false,
  ]));
