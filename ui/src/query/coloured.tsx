/** A query as coloured text, without a box. */
import { useEffect, useState } from 'preact/hooks';
import { get } from '../api';
import type { ParseAnswer, QueryError, Token } from '../api-types';
import { clean } from '../list/text';
import { paint } from './highlight';

interface PaintedProps {
  text: string;
  tokens: readonly Token[];
  error?: QueryError | null;
  unknown?: readonly string[];
  /** What cannot be seen is shown; not where the text lies over the same one of a box. */
  seen?: boolean;
}

export function Painted({ text, tokens, error, unknown, seen }: PaintedProps) {
  const all = paint(text, tokens, error, unknown);
  return (
    <>
      {(seen ? all.map((s) => ({ ...s, text: clean(s.text) })) : all).map((s, i) =>
        s.className ? (
          <span key={i} class={s.className}>
            {s.text}
          </span>
        ) : (
          s.text
        ),
      )}
    </>
  );
}

/** Answers of the parser for queries that stand in lists. */
const known = new Map<string, readonly Token[]>();

export function Query({ q }: { q: string }) {
  const [tokens, setTokens] = useState<readonly Token[]>(known.get(q) ?? []);
  useEffect(() => {
    if (!q || known.has(q)) {
      setTokens(known.get(q) ?? []);
      return;
    }
    get<ParseAnswer>('parse', { q })
      .then((answer) => {
        known.set(q, answer.tokens);
        setTokens(answer.tokens);
      })
      .catch(() => undefined); // it stays without colours
  }, [q]);
  if (!q) return <span class="dim">everything</span>;
  return (
    <code class="any">
      <Painted text={q} tokens={tokens} seen />
    </code>
  );
}
