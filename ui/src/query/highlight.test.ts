import { describe, expect, test } from 'vitest';
import type { Token } from '../api-types';
import { carry, paint } from './highlight';

const TEXT = 'app:sshd "failed password" -root';
const TOKENS: Token[] = [
  { from: 0, to: 4, kind: 'field' },
  { from: 4, to: 8, kind: 'word' },
  { from: 9, to: 26, kind: 'string' },
  { from: 27, to: 28, kind: 'not' },
  { from: 28, to: 32, kind: 'word' },
];

const shown = (text: string, tokens: Token[]) =>
  paint(text, tokens)
    .filter((s) => s.className)
    .map((s) => `${s.text}=${s.className}`);

describe('paint', () => {
  test('colours tokens', () =>
    expect(shown(TEXT, TOKENS)).toEqual([
      'app:=q-f',
      'sshd=q-v',
      '"failed password"=q-s',
      '-=q-n',
      'root=q-v',
    ]));
  test('never changes the text, whatever the tokens are', () => {
    const odd: Token[] = [
      { from: 5, to: 2, kind: 'word' },
      { from: 3, to: 9, kind: 'field' },
      { from: 4, to: 400, kind: 'string' },
      { from: 90, to: 99, kind: 'word' },
      { from: -4, to: 2, kind: 'not' },
    ];
    for (const text of ['', 'a', TEXT]) {
      const joined = paint(
        text,
        odd.filter((t) => t.from >= 0),
        { detail: '', offset: 2, length: 50 },
      ).map((s) => s.text);
      expect(joined.join('')).toBe(text);
    }
  });
  test('underlines the error alone', () => {
    const segments = paint('app:(a', [{ from: 0, to: 4, kind: 'field' }], {
      detail: '',
      offset: 4,
      length: 1,
    });
    expect(segments).toEqual([
      { text: 'app:', className: 'q-f' },
      { text: '(', className: 'q-e' },
      { text: 'a', className: '' },
    ]);
  });
  test('marks a field that is unknown', () =>
    expect(paint('a:b', [{ from: 0, to: 2, kind: 'field' }], null, ['a'])[0]?.className).toBe('q-f q-e'));
});

describe('carry', () => {
  test('moves what stands behind the edit', () =>
    expect(shown(`x ${TEXT}`, carry(TOKENS, TEXT, `x ${TEXT}`))).toEqual(shown(TEXT, TOKENS)));
  test('keeps what stands before it', () =>
    expect(shown(`${TEXT} more`, carry(TOKENS, TEXT, `${TEXT} more`))).toEqual(shown(TEXT, TOKENS)));
  test('a word that is typed on keeps its colour', () =>
    expect(shown(`${TEXT}x`, carry(TOKENS, TEXT, `${TEXT}x`)).at(-1)).toBe('rootx=q-v'));
  test('an edit within a token stretches it', () => {
    const next = TEXT.replace('failed', 'fail3d now');
    expect(shown(next, carry(TOKENS, TEXT, next))).toContain('"fail3d now password"=q-s');
  });
  test('all gone', () => expect(carry(TOKENS, TEXT, '')).toEqual([]));
  test('never points outside of the text', () => {
    const texts = ['', 'a', TEXT, 'app:', `${TEXT}${TEXT}`, '"""', 'app:sshd -root', 'password'];
    for (const a of texts) {
      for (const b of texts) {
        for (const t of carry(
          TOKENS.filter((x) => x.to <= a.length),
          a,
          b,
        )) {
          expect(t.from).toBeGreaterThanOrEqual(0);
          expect(t.to).toBeLessThanOrEqual(b.length);
        }
      }
    }
  });
});
