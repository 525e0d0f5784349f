/** The text in the box and what the server's parser says of it. Kept outside of the box: it outlives a log-in. */
import { batch, signal } from '@preact/signals';
import { get, isAbort } from '../api';
import type { ParseAnswer, Token } from '../api-types';
import { carry } from './highlight';

export const text = signal('');
export const tokens = signal<readonly Token[]>([]);
/** What the parser said, and of which text. */
export const parsed = signal<{ of: string; answer: ParseAnswer } | null>(null);

const WAIT_MS = 60;
let timer: ReturnType<typeof setTimeout> | undefined;
let running: AbortController | null = null;

/** Puts another text into the box. */
export function setText(next: string): void {
  const before = text.peek();
  if (next === before) return;
  batch(() => {
    tokens.value = carry(tokens.peek(), before, next);
    text.value = next;
  });
  clearTimeout(timer);
  timer = setTimeout(() => void parse(), WAIT_MS);
}

/** What the parser says of the text as it is now; null if it cannot be asked. */
export async function parse(): Promise<ParseAnswer | null> {
  clearTimeout(timer);
  const q = text.peek();
  const known = parsed.peek();
  if (known?.of === q) return known.answer;
  running?.abort();
  if (!q.trim()) {
    batch(() => {
      tokens.value = [];
      parsed.value = { of: q, answer: { ok: true, tokens: [], fields: [], unknown: [] } };
    });
    return parsed.peek()?.answer ?? null;
  }
  const mine = new AbortController();
  running = mine;
  try {
    const answer = await get<ParseAnswer>('parse', { q }, mine.signal);
    if (text.peek() !== q) return null;
    batch(() => {
      tokens.value = answer.tokens;
      parsed.value = { of: q, answer };
    });
    return answer;
  } catch (error) {
    if (!isAbort(error)) parsed.value = null;
    return null;
  }
}

/** Words and phrases that a query looks for in texts; for marks in lines that come by the tail. */
export function words(): string[] {
  const p = parsed.peek();
  if (!p) return [];
  const out: string[] = [];
  p.answer.tokens.forEach((t, i) => {
    const before = p.answer.tokens[i - 1];
    if ((t.kind !== 'word' && t.kind !== 'string') || before?.kind === 'not' || before?.kind === 'field')
      return;
    const word = p.of.slice(t.from, t.to).replace(/^"|"$/g, '').replace(/\*/g, '');
    if (word.length > 1) out.push(word);
  });
  return out;
}
