import { describe, expect, test } from 'vitest';
import { bareName, fieldName, include, quote, renameField, term, terms, without } from './rewrite';

describe('terms', () => {
  const check = (query: string, expected: string[], or = false) =>
    expect([terms(query).terms.map((t) => t.text), terms(query).or]).toEqual([expected, or]);
  test('words', () => check(' a  b ', ['a', 'b']));
  test('a phrase is one', () => check('a "b \\" c" d', ['a', '"b \\" c"', 'd']));
  test('parentheses are one', () => check('(a OR (b c)) -d', ['(a OR (b c))', '-d']));
  test('a field with parentheses', () => check('app:(a OR b) x', ['app:(a OR b)', 'x']));
  test('a regular expression', () => check('msg:/a b/ c', ['msg:/a b/', 'c']));
  test('a path is none', () => check('path:/a/b c', ['path:/a/b', 'c']));
  test('a range', () => check('x:[1 TO 2] y', ['x:[1 TO 2]', 'y']));
  test('NOT belongs to what follows', () => check('NOT a b', ['NOT a', 'b']));
  test('AND is no term', () => check('a AND b', ['a', 'b']));
  test('or outside of parentheses', () => check('a or b', ['a', 'b'], true));
  test('what is never closed', () => check('a (b "c', ['a', '(b "c']));
  test('an escaped space', () => check('user\\ name:x y', ['user\\ name:x', 'y']));
});

describe('include', () => {
  const check = (query: string, wanted: string, expected: string, not = false) =>
    expect(include(query, wanted, not)).toBe(expected);
  test('into nothing', () => check('', 'a:b', 'a:b'));
  test('into everything', () => check('*', 'a:b', 'a:b'));
  test('behind the others', () => check('x y', 'a:b', 'x y a:b'));
  test('excludes', () => check('x', 'a:b', 'x -a:b', true));
  test('not twice', () => check('x a:b', 'a:b', 'x a:b'));
  test('takes the opposite out', () => check('-a:b x', 'a:b', 'x a:b'));
  test('takes its own opposite out', () => check('a:b x', 'a:b', 'x -a:b', true));
  test('an or gets parentheses', () => check('x OR y', 'a:b', '(x OR y) a:b'));
  test('parentheses that are there stay', () => check('(x OR y)', 'a:b', '(x OR y) a:b'));
  test('two groups are no parentheses around all', () => check('(x) OR (y)', 'a:b', '((x) OR (y)) a:b'));
  test('an or in a phrase is a word', () => check('"x or y"', 'a:b', '"x or y" a:b'));
});

test('a term is taken out once', () => {
  expect(without('a b a', 0)).toBe('b a');
  expect(without('a -"b c"', 1)).toBe('a');
  expect(without('a OR b', 0)).toBe('a OR b');
});

test('values are quoted where they must be', () => {
  const check = (value: string, expected: string) => expect(quote(value)).toBe(expected);
  check('sshd', 'sshd');
  check('postfix/smtp', 'postfix/smtp');
  check('10.0.0.1', '10.0.0.1');
  check('john doe', '"john doe"');
  check('a"b\\c', '"a\\"b\\\\c"');
  check('', '""');
  check('or', '"or"');
  check('a*', '"a*"');
  check('-1', '"-1"');
  check('/x/', '"/x/"');
  check('2001:db8::1', '"2001:db8::1"');
  check(') OR (', '") OR ("');
});

test('names of fields', () => {
  expect(fieldName('status')).toBe('status');
  expect(fieldName('user name')).toBe('user\\ name');
  expect(fieldName('a:b"')).toBe('a\\:b\\"');
  expect(fieldName('level', true)).toBe('fields.level');
  expect(fieldName('level')).toBe('level');
  expect(fieldName('fields.x', true)).toBe('fields.fields.x');
  expect(fieldName('1st', true)).toBe('fields.1st');
  expect(bareName(fieldName('user \\name', true))).toBe('user \\name');
  expect(term('user', null)).toBe('user:*');
});

test('a field is renamed where it is one', () => {
  expect(renameField('sevrity:err sevrity -sevrity:info', 'sevrity', 'severity')).toBe(
    'severity:err sevrity -severity:info',
  );
});
