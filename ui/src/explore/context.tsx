/** The lines around one line: of its host, or its host and program, whatever the query says. */
import { signal } from '@preact/signals';
import { useEffect, useState } from 'preact/hooks';
import { get, isAbort, sentence } from '../api';
import type { ContextAnswer, LogEvent } from '../api-types';
import { bind } from '../keys';
import { List } from '../list/list';
import { focusList } from '../list/reveal';
import { join, type Line, linesOf } from '../list/rows';
import { clean } from '../list/text';
import { zone } from '../prefs';
import { stamp } from '../time';
import { Button, Segments } from '../ui/button';
import { route } from '../url';
import { shownColumns } from './act';
import { Detail } from './detail';
import { rowKeys } from './row-keys';

type Same = 'app' | 'host' | 'all';

/** Lines on each side: at first, and with each “more”. */
const FIRST = 20;
const MORE = 50;

interface Around {
  lines: Line[];
  before: string | null;
  after: string | null;
  moreBefore: boolean;
  moreAfter: boolean;
}

const current = signal('');

export function Context({ event, onBack }: { event: LogEvent; onBack: () => void }) {
  const [same, setSame] = useState<Same>('app');
  const [around, setAround] = useState<Around | null>(null);
  const [failed, setFailed] = useState('');
  const [open, setOpen] = useState('');
  const base = { uid: event.uid, same, store: route.value.store };
  useEffect(() => {
    const mine = new AbortController();
    setFailed('');
    get<ContextAnswer>('context', { ...base, before: FIRST, after: FIRST }, mine.signal)
      .then((a) => {
        setAround(taken(a));
        current.value = event.uid;
        focusList();
      })
      .catch((error) => !isAbort(error) && setFailed(sentence(error)));
    return () => mine.abort();
  }, [event.uid, same]);
  const more = async (side: 'before' | 'after') => {
    if (!around) return;
    const cursor = side === 'before' ? { cursor_before: around.before } : { cursor_after: around.after };
    const count = side === 'before' ? { before: MORE, after: 0 } : { before: 0, after: MORE };
    try {
      const next = taken(await get<ContextAnswer>('context', { ...base, ...count, ...cursor }));
      setAround(
        side === 'before'
          ? {
              ...around,
              lines: join(around.lines, next.lines, 'behind'),
              before: next.before,
              moreBefore: next.moreBefore,
            }
          : {
              ...around,
              lines: join(around.lines, next.lines, 'before'),
              after: next.after,
              moreAfter: next.moreAfter,
            },
      );
    } catch (error) {
      setFailed(sentence(error));
    }
  };
  const lines = around?.lines ?? [];
  useEffect(
    () =>
      bind({
        ...rowKeys(() => lines, current),
        run: () => setOpen(open === current.peek() ? '' : current.peek()),
        close: () => {
          focusList();
          if (open) setOpen('');
          else onBack();
        },
      }),
    [lines, open],
  );
  const at = Date.parse(event.timegenerated);
  const range = { from: at, to: at };
  return (
    <section class="col context" aria-label="Context">
      <div class="ctxbar">
        <Button icon="left" tip="Back to the result (Esc)" onClick={onBack}>
          Back
        </Button>
        <b>Lines around {stamp(at, 'ms', zone.value)}</b>
        <span class="sub">the query is ignored</span>
        {failed && <span class="err">{failed}</span>}
        <span class="push">
          <Segments<Same>
            label="Lines of"
            options={[
              ['app', `${clean(event.source, 40)} · ${clean(event.app_name, 40)}`],
              ['host', `all of ${clean(event.source, 40)}`],
              ['all', 'all hosts'],
            ]}
            value={same}
            onChange={setSame}
          />
        </span>
      </div>
      <div class="ctxmore">
        {around?.moreAfter ? (
          <Button kind="plain" onClick={() => void more('after')}>
            {MORE} later lines
          </Button>
        ) : (
          around && <span class="sub">There are no later lines</span>
        )}
      </div>
      <List
        label="Lines around the event, newest first"
        lines={lines}
        columns={shownColumns()}
        range={range}
        open={open}
        onOpen={(uid) => setOpen(uid === open ? '' : uid)}
        detail={(line) => (
          <Detail
            line={line}
            onContext={() => undefined}
            onClose={() => {
              setOpen('');
              focusList();
            }}
          />
        )}
        current={current}
        anchor={event.uid}
        keepPlace
        end={
          around?.moreBefore ? (
            <Button kind="plain" onClick={() => void more('before')}>
              {MORE} earlier lines
            </Button>
          ) : (
            around && 'There are no earlier lines'
          )
        }
      />
    </section>
  );
}

function taken(a: ContextAnswer): Around {
  return {
    lines: linesOf(a.events, undefined).reverse(),
    before: a.cursor_before ?? null,
    after: a.cursor_after ?? null,
    moreBefore: a.more_before,
    moreAfter: a.more_after,
  };
}
