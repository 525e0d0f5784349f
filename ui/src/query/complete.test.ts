import { describe, expect, test } from 'vitest';
import { local, type Place, placeAt } from './complete';

const place = (before: string, after = '') => placeAt(before + after, before.length);

describe('the place of the caret', () => {
  const check = (before: string, expected: Place | null) => expect(place(before)).toEqual(expected);
  test('in an empty box', () => check('  ', { kind: 'empty' }));
  test('at a field', () => check('x app', { kind: 'field', word: 'app', from: 2 }));
  test('behind a minus', () => check('-ap', { kind: 'field', word: 'ap', from: 1 }));
  test('at a value', () => check('a app:ss', { kind: 'value', field: 'app', word: 'ss', from: 6 }));
  test('at an empty value', () => check('app:', { kind: 'value', field: 'app', word: '', from: 4 }));
  test('at a value in quotes', () => check('app:"ss', { kind: 'value', field: 'app', word: 'ss', from: 4 }));
  test('inside of a phrase', () => check('"failed pass', null));
  test('behind a space', () => check('app:sshd ', null));
});

describe('what is offered', () => {
  const known = {
    fields: [
      { name: 'source', kind: 'word', core: true, events: 9, distinct_more: false },
      { name: 'user\\ name', kind: 'word', core: false, events: 3, distinct_more: false },
    ],
    history: ['old one'],
    saved: [],
  };
  const offered = (query: string) => {
    const p = placeAt(query, query.length);
    return p ? local(p, query, query.length, known) : [];
  };
  test('fields by their short names, first those that begin so', () =>
    expect(offered('ho').map((c) => c.text)[0]).toBe('host:'));
  test('a field with a space gets a backslash', () =>
    expect(offered('user')[0]).toMatchObject({ query: 'user\\ name:', caret: 11 }));
  test('grades of severity', () => expect(offered('severity:')[0]?.query).toBe('severity:>=warning'));
  test('in an empty box the query before', () =>
    expect(offered('')[0]).toMatchObject({ text: 'old one', whole: true }));
});
