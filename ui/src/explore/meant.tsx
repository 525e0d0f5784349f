/** Words of a query that found nothing, but are the name of a host or of a program: they are offered as such. */
import { useEffect, useState } from 'preact/hooks';
import { get } from '../api';
import type { TopAnswer } from '../api-types';
import { many } from '../format';
import { clean } from '../list/text';
import { include, term, terms, without } from '../query/rewrite';
import { Button } from '../ui/button';
import { ask } from './act';
import { parameters, type Question } from './search';

/** Words that are looked up. */
const MOST_WORDS = 3;
const FIELDS = ['app', 'host'] as const;
/** What begins with the word; the name itself is among the most frequent of them. */
const LIMIT = 10;

interface Name {
  field: string;
  value: string;
  events: number;
  /** The query with the field before the word. */
  query: string;
}

async function namesOf(question: Question, signal: AbortSignal): Promise<Name[]> {
  const { terms: all, or } = terms(question.q);
  if (or) return [];
  const words = all.flatMap((t, at) => (/^\w[\w.-]{0,79}$/.test(t.text) ? [{ word: t.text, at }] : []));
  const range = { ...parameters(question), q: undefined };
  const found: Name[] = [];
  for (const { word, at } of words.slice(0, MOST_WORDS)) {
    for (const field of FIELDS) {
      const asked = { ...range, field, prefix: word, limit: LIMIT };
      const answer = await get<TopAnswer>('values', asked, signal);
      const it = answer.values.find((v) => v.value.toLowerCase() === word.toLowerCase());
      if (it) found.push({ field, ...it, query: include(without(question.q, at), term(field, it.value)) });
    }
  }
  return found;
}

export function Meant({ question }: { question: Question }) {
  const [names, setNames] = useState<readonly Name[]>([]);
  useEffect(() => {
    const mine = new AbortController();
    setNames([]);
    namesOf(question, mine.signal)
      .then(setNames)
      .catch(() => undefined); // then nothing is offered
    return () => mine.abort();
  }, [question]);
  return (
    <>
      {names.map((n) => (
        <p class="note" key={`${n.field} ${n.value}`}>
          Words are looked for in messages. <code>{clean(n.value, 80)}</code> is the {n.field} of{' '}
          {many(n.events, 'event')}.{' '}
          <Button kind="plain" onClick={() => ask(n.query)}>
            Use {n.field}:{clean(n.value, 80)}
          </Button>
        </p>
      ))}
    </>
  );
}
