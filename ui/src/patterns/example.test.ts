import { expect, test } from 'vitest';
import { aligned } from './example';

const check = (shape: string, message: string) =>
  aligned(shape, message)
    .map(([s, varies]) => (varies ? `[${s}]` : s))
    .join('');

test('what varies in the middle', () =>
  expect(check('user <*> from <*> port', 'user root from 10.0.0.1 port')).toBe(
    'user [root] from [10.0.0.1] port',
  ));
test('at both ends', () =>
  expect(check('<*> "<*>" <*>', '1.2.3.4 - "GET /" 200')).toBe('[1.2.3.4 -] "[GET /]" [200]'));
test('spaces of any kind', () =>
  expect(check('worker <*> at x', 'worker 3\n\tat x\n')).toBe('worker [3]\n\tat x\n'));
test('signs of regular expressions', () =>
  expect(check('a (b) <*> [c]$', 'a (b) 7 [c]$')).toBe('a (b) [7] [c]$'));
test('nothing varies', () => expect(check('all the same', 'all the same')).toBe('all the same'));
test('words that do not fit', () => expect(check('one <*> two', 'something else')).toBe(''));
test('nothing at all', () => expect(check('<*>', 'abc')).toBe('[abc]'));
