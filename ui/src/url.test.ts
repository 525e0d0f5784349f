import { describe, expect, test } from 'vitest';
import { format, parse, type Route, START } from './url';

function check(hash: string, expected: Partial<Route>): void {
  expect(parse(hash)).toMatchObject(expected);
}

describe('an address', () => {
  test('without anything is Explore over the last 15 minutes', () => check('', START));
  test('of the skip link is Explore', () => check('#main', { view: 'explore' }));
  test('of a view that is not there is Explore', () => check('#/nowhere', { view: 'explore' }));
  test('names view and part', () => check('#/settings/users', { view: 'settings', sub: 'users' }));
  test('holds the search', () =>
    check('#/explore?q=app%3Asshd+a%26b&from=now-1h&to=now&cols=host,user&by=app&id=u1&tail=1&store=db', {
      q: 'app:sshd a&b',
      from: 'now-1h',
      to: 'now',
      cols: ['host', 'user'],
      by: 'app',
      id: 'u1',
      tail: true,
      store: 'db',
    }));
  test('may have no column at all', () => check('#/explore?q=&cols=', { cols: [] }));
  test('may name a saved search', () => check('#/explore?view=Errors', { saved: 'Errors' }));
  test('of a first start has its code in either place', () => {
    check('#/first?code=abc', { view: 'first', code: 'abc' });
    check('#/first/abc', { view: 'first', code: 'abc' });
  });
  test('with a broken escape is read as it stands', () => check('#/settings/%E0%A4%A', { sub: '%E0%A4%A' }));
  test('of a view that does not search keeps the search', () => {
    const before = parse('#/explore?q=x&from=now-4h&to=now');
    expect(parse('#/status', before)).toMatchObject({ view: 'status', q: 'x', from: 'now-4h' });
  });
});

describe('a state', () => {
  test.each<Partial<Route>>([
    {},
    { q: 'a "b c" -d:(e OR f) é\u202e<x>&=#?%' },
    { view: 'patterns', sub: 'changed', q: 'x' },
    {
      from: '2026-11-29T21:00:00.000Z',
      to: '2026-11-29T22:00:00.000Z',
      id: 'u',
      cols: ['a.b', 'c,d', '50%'],
    },
    { tail: true, by: 'host', store: 'db' },
  ])('comes back from its address: %o', (change) => {
    const route = { ...START, ...change };
    expect(parse(format(route))).toEqual(route);
  });
});
