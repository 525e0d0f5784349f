/**
 * The colours of a query: the server's tokens laid over the text of the box.
 * Between two answers the old tokens are carried over the edit, so that nothing flickers.
 */
import type { QueryError, Token } from '../api-types';

export interface Segment {
  text: string;
  className: string;
}

const CLASS: Record<string, string> = {
  field: 'q-f',
  operator: 'q-o',
  string: 'q-s',
  regex: 'q-s',
  not: 'q-n',
  number: 'q-d',
  word: 'q-v',
  paren: 'q-p',
  error: 'q-e',
};

/** Tokens of `before` moved to where they are in `after`; those that the edit touched are dropped. */
export function carry(tokens: readonly Token[], before: string, after: string): Token[] {
  let head = 0;
  const shorter = Math.min(before.length, after.length);
  while (head < shorter && before[head] === after[head]) head += 1;
  let tail = 0;
  while (tail < shorter - head && before[before.length - 1 - tail] === after[after.length - 1 - tail])
    tail += 1;
  const end = before.length - tail;
  const moved = after.length - before.length;
  const out: Token[] = [];
  for (const t of tokens) {
    if (t.from >= end && end >= head && t.from >= head)
      out.push({ ...t, from: t.from + moved, to: t.to + moved });
    else if (t.to < head || (t.to === head && head === before.length && !/\s/.test(after[head] ?? ' '))) {
      out.push(t.to === head && moved > 0 ? { ...t, to: t.to + wordAfter(after, head) } : t);
    } else if (t.to <= head) out.push(t);
    else if (t.from < head && t.to >= end) out.push({ ...t, to: t.to + moved });
  }
  return out.filter((t) => t.to > t.from);
}

/** A word that is typed on keeps its colour. */
function wordAfter(text: string, at: number): number {
  return /^[^\s()":]*/.exec(text.slice(at))?.[0].length ?? 0;
}

/** The text cut into coloured pieces. Pieces join to the text again, whatever the tokens are. */
export function paint(
  text: string,
  tokens: readonly Token[],
  error?: QueryError | null,
  unknown: readonly string[] = [],
): Segment[] {
  const marks = tokens
    .filter((t) => t.from < t.to && t.from < text.length)
    .map((t) => ({ from: t.from, to: Math.min(t.to, text.length), className: CLASS[t.kind] ?? '' }))
    .sort((a, b) => a.from - b.from);
  for (const m of marks) {
    const word = text.slice(m.from, m.to).replace(/:$/, '');
    if (m.className === 'q-f' && unknown.includes(word)) m.className += ' q-e';
  }
  const out: Segment[] = [];
  const put = (from: number, to: number, className: string) => {
    if (from < to) out.push(...underline(text, from, to, className, error));
  };
  let at = 0;
  for (const m of marks) {
    if (m.from < at) continue;
    put(at, m.from, '');
    put(m.from, m.to, m.className);
    at = m.to;
  }
  put(at, text.length, '');
  return out;
}

/** The part of a piece in which the error lies is underlined. */
function underline(
  text: string,
  from: number,
  to: number,
  className: string,
  error?: QueryError | null,
): Segment[] {
  if (error?.offset === undefined) return [{ text: text.slice(from, to), className }];
  const start = Math.max(from, Math.min(to, error.offset));
  const end = Math.max(start, Math.min(to, error.offset + Math.max(1, error.length ?? 1)));
  const bad = className.includes('q-e') ? className : `${className} q-e`.trim();
  return [
    { text: text.slice(from, start), className },
    { text: text.slice(start, end), className: bad },
    { text: text.slice(end, to), className },
  ].filter((s) => s.text);
}
