/** Nothing was found: why, and the ways out. */
import { useEffect, useState } from 'preact/hooks';
import { ApiError, get, sentence, serverNow } from '../api';
import type { NothingAnswer } from '../api-types';
import { ago, capital, int, span as length, many } from '../format';
import { zone } from '../prefs';
import { Query } from '../query/coloured';
import { renameField, terms, without } from '../query/rewrite';
import { iso, stamp } from '../time';
import { Button } from '../ui/button';
import { Empty, Ticks, zoneName } from '../ui/marks';
import { go, route } from '../url';
import { ask, setRange } from './act';
import { FirstStart } from './first';
import { Meant } from './meant';
import { type Found, parameters } from './search';

/** So much is shown on both sides of the nearest match. */
const AROUND_MS = 45e4;

interface NothingProps {
  found: Found;
  /** Where there was none at all, an event has come. */
  onEvent: () => void;
}

export function Nothing({ found, onEvent }: NothingProps) {
  const [why, setWhy] = useState<NothingAnswer | null>(null);
  const { question } = found;
  useEffect(() => {
    const mine = new AbortController();
    setWhy(null);
    get<NothingAnswer>('explain-nothing', parameters(question), mine.signal)
      .then(setWhy)
      .catch(() => undefined); // then it is only said that nothing was found
    return () => mine.abort();
  }, [question]);
  if (!why) return <Empty title={question.q ? 'Nothing matches' : 'Nothing in this range'} />;
  if (!why.newest) return <FirstStart onEvent={onEvent} />;
  const nobody = why.in_range === 0;
  const list = why.terms ?? [];
  return (
    <Empty title={nobody ? 'Nothing in this range' : 'Nothing matches'}>
      {nobody ? (
        <p class="sub">
          No event at all lies between {stamp(question.span.from, 'full', zone.value)} and{' '}
          {stamp(question.span.to, 'full', zone.value)} {zoneName()}. The newest in the store is of{' '}
          {stamp(Date.parse(why.newest), 'full', zone.value)}.
        </p>
      ) : (
        <p class="sub">
          The range holds {many(why.in_range, 'event')}, but none passes the whole query.
          {list.length > 1 && ' What each part finds alone:'}
        </p>
      )}
      {!nobody && list.length > 0 && (
        <ul class="why">
          {list.map((t, i) => (
            <li key={t.text} class={t.alone ? '' : 'zero'}>
              <Query q={t.text} />
              <span class="num">{many(t.alone, 'event')}</span>
              {list.length > 1 ? (
                <Button kind="plain" onClick={() => ask(others(route.peek().q, list, i))}>
                  without it: {int(t.without)}
                </Button>
              ) : (
                <span />
              )}
            </li>
          ))}
        </ul>
      )}
      {why.unknown?.map((u) => (
        <p class="note warn" key={u.field}>
          No event has a field <code>{u.field}</code>.{' '}
          {u.suggestion && (
            <Button
              kind="plain"
              onClick={() => ask(renameField(route.peek().q, u.field, u.suggestion ?? ''))}
            >
              Use {u.suggestion}
            </Button>
          )}
        </p>
      ))}
      {!nobody && <Meant question={question} />}
      {why.hints?.map((hint) => (
        <p class="note" key={hint}>
          <Ticks text={hint} />
        </p>
      ))}
      <WaysOut why={why} from={question.span.from} to={question.span.to} />
      {!nobody && <WordRule q={question.q} />}
    </Empty>
  );
}

/** The query without one of the terms that the server names, which may write them differently. */
function others(q: string, list: readonly { text: string }[], at: number): string {
  if (terms(q).terms.length === list.length) return without(q, at);
  return list
    .filter((_, i) => i !== at)
    .map((t) => t.text)
    .join(' ');
}

function WaysOut({ why, from, to }: { why: NothingAnswer; from: number; to: number }) {
  const before = why.nearest?.before ? Date.parse(why.nearest.before) : null;
  const after = why.nearest?.after ? Date.parse(why.nearest.after) : null;
  const near = before !== null && (after === null || from - before <= after - to) ? before : after;
  const newest = Date.parse(why.newest ?? '');
  const recent = serverNow() - newest < 9e5;
  const nobody = why.in_range === 0;
  const distance = near === null ? 0 : near < from ? from - near : near - to;
  return (
    <>
      {near === null && !nobody && <p class="sub">The rest of the store holds no match either.</p>}
      <div class="gap">
        {nobody && (
          <Button
            kind="primary"
            onClick={() =>
              recent ? setRange('now-15m', 'now') : setRange(iso(newest - 9e5), iso(newest + 1))
            }
          >
            Go to the newest data, {ago(serverNow() - newest)}
          </Button>
        )}
        {near !== null && (
          <Button
            kind={nobody ? 'plain' : 'primary'}
            onClick={() => setRange(iso(near - AROUND_MS), iso(near + AROUND_MS))}
          >
            Go to the nearest match, {length(distance)} {near < from ? 'earlier' : 'later'}
          </Button>
        )}
      </div>
    </>
  );
}

function WordRule({ q }: { q: string }) {
  const words = terms(q).terms.filter((t) => /^[\p{L}\p{N}"]/u.test(t.text) && !/^[\w.@-]+:/.test(t.text));
  if (!words.length) return null;
  return [...q].some((c) => c > '\u007f') ? (
    <p class="note">
      Letters outside of a–z are found only as written: <code>Ärger</code> does not find <code>ärger</code>.
    </p>
  ) : (
    <p class="note">
      Case does not matter, but words are whole: <code>time</code> does not find “timeout”; <code>time*</code>{' '}
      does.
    </p>
  );
}

/** The search itself failed. */
export function Failed({ error, onAgain }: { error: unknown; onAgain: () => void }) {
  const problem = error instanceof ApiError ? error.problem : {};
  if (problem.code === 'query_error') {
    return (
      <Empty title="The query cannot be read">
        <p class="sub">
          {problem.column !== undefined && `Column ${problem.column}: `}
          <Ticks text={problem.detail ?? ''} />. Nothing was searched.
        </p>
      </Empty>
    );
  }
  return (
    <Empty title="The search failed">
      <p class="sub">
        <Ticks text={capital(error instanceof ApiError ? error.message : sentence(error))} />.
      </p>
      {problem.hint && (
        <p class="note">
          <Ticks text={capital(problem.hint)} />
        </p>
      )}
      <p class="sub">Receiving and storing go on; only this search is hurt.</p>
      {error instanceof ApiError && (
        <p class="mono dim">
          {error.status}
          {problem.request && ` · request ${problem.request}`}
        </p>
      )}
      <div class="gap">
        <Button kind="primary" onClick={onAgain}>
          Try again
        </Button>
        <Button kind="plain" onClick={() => go({ view: 'status' })}>
          Open Status
        </Button>
      </div>
    </Empty>
  );
}
