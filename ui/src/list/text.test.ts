import { describe, expect, test } from 'vitest';
import { clean, find, flatJson, flatPairs, jsonOf, pieces } from './text';

const ESC = '\u001b';

describe('a text', () => {
  const check = (text: string, expected: string) => expect(clean(text)).toBe(expected);
  test('loses the colours of a terminal', () => check(`${ESC}[31mred${ESC}[0m`, 'red'));
  test('loses a title of a terminal', () => check(`${ESC}]0;title\u0007x`, 'x'));
  test('shows control characters', () => check('a\u0000b\u0007c\u007f', 'a\\x00b\\x07c\\x7f'));
  test('shows what turns the direction', () => check('a\u202eb\u2066c', 'aU+202EbU+2066c'));
  test('shows what has no width', () => check('a\u200bb\ufeff', 'aU+200BbU+FEFF'));
  test('keeps tabs and new lines', () => check('a\tb\nc', 'a\tb\nc'));
  test('keeps markup as text', () => check('<b>&amp;', '<b>&amp;'));
  test('is cut', () => expect(clean('x'.repeat(100), 10)).toBe(`${'x'.repeat(10)}…`));
});

describe('pieces', () => {
  const check = (text: string, matches: [number, number][], expected: string) =>
    expect(
      pieces(text, matches)
        .map((p) => (p.hit ? `[${p.text}]` : p.odd ? `{${p.text}}` : p.text))
        .join(''),
    ).toBe(expected);
  test('marks matches', () => check('a failed b', [[2, 8]], 'a [failed] b'));
  test('overlapping matches are marked once', () =>
    check(
      'abcdef',
      [
        [1, 4],
        [2, 5],
      ],
      'a[bcd][e]f',
    ));
  test('matches outside of the text do no harm', () =>
    check(
      'abc',
      [
        [2, 99],
        [50, 60],
      ],
      'ab[c]',
    ));
  test('marks count in the text as it came', () => check(`${ESC}[31mred${ESC}[0m x`, [[5, 8]], '[red] x'));
  test('what cannot be seen', () => check('a\u202eb', [], 'a{U+202E}b'));
  test('a long line is cut', () =>
    expect(
      pieces('x'.repeat(70000), [], 600)
        .map((p) => p.text)
        .join('').length,
    ).toBe(601));
});

test('words are found in any case', () => {
  expect(find('Failed FAILED', ['failed'])).toEqual([
    [0, 6],
    [7, 13],
  ]);
  expect(find('x', [''])).toEqual([]);
});

test('JSON in a message', () => {
  expect(jsonOf('{"a":1}')).toEqual({ a: 1 });
  expect(jsonOf('@cee: {"a":1}')).toEqual({ a: 1 });
  expect(jsonOf('{"a":')).toBeUndefined();
  expect(jsonOf('12')).toBeUndefined();
  expect(jsonOf('['.repeat(100000))).toBeUndefined();
  expect(flatJson('{"a":1,"b":"x","c":{"d":null}}')).toEqual([
    ['a', '1'],
    ['b', 'x'],
    ['c', '{"d":null}'],
  ]);
  expect(flatJson('[1]')).toBeNull();
});

describe('the pairs of a flat object', () => {
  const at = (message: string, word: string): [number, number] => {
    const from = message.indexOf(word);
    return [from, from + word.length];
  };
  const check = (message: string, words: string[]) =>
    flatPairs(
      message,
      words.map((w) => at(message, w)),
    )?.map((p) => [p.inKey.length, p.inValue.length]);
  const message = '{"msg":"gateway timeout","ms":7}';
  test('nothing was looked for', () =>
    expect(check(message, [])).toEqual([
      [0, 0],
      [0, 0],
    ]));
  test('a word of a value', () =>
    expect(check(message, ['timeout'])).toEqual([
      [0, 1],
      [0, 0],
    ]));
  test('a word of a name', () => expect(check(message, ['ms"'.slice(0, 2)])?.flat()).toContain(1));
  test('what only the text as it came can show', () =>
    expect(check(message, ['timeout","ms'])).toBeUndefined());
  test('no object', () => expect(flatPairs('plain', [])).toBeNull());
});
