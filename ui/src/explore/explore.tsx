/** Explore: the query, the bars, the fields, the rows. It wires them; each has its own file. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { get, serverNow } from '../api';
import type { EventAnswer } from '../api-types';
import { int, many } from '../format';
import { bind } from '../keys';
import { asText } from '../list/event';
import { List } from '../list/list';
import { focusList } from '../list/reveal';
import { narrow } from '../list/row';
import { equalColumns, type Line, linesOf } from '../list/rows';
import * as prefs from '../prefs';
import { focusQuery } from '../query/box';
import { words } from '../query/parsed';
import { stamp } from '../time';
import { Button } from '../ui/button';
import { zoneName } from '../ui/marks';
import { copy, toast } from '../ui/say';
import { go, route } from '../url';
import { copyLink, shiftRange, shownColumns, toggleTail, zoomAway } from './act';
import { Chart } from './chart';
import { Context } from './context';
import { Detail } from './detail';
import { Fields } from './fields';
import { isFormer } from './former';
import { Failed, Nothing } from './nothing';
import { QueryBar } from './query-bar';
import { Equal, ResultLine } from './result-line';
import { rowKeys } from './row-keys';
import * as s from './search';
import { atTop, follow, paused, show, skipped, waiting } from './tail';

export function Explore() {
  const r = route.value;
  const [around, setAround] = useState<Line | null>(null);
  const [linked, setLinked] = useState<Line | null>(null);
  const f = s.found.value;

  useEffect(() => {
    setAround(null);
    if (!r.tail) skipped.value = 0;
    void s.search();
  }, [r.q, r.from, r.to, r.store]);
  useEffect(() => s.cancel, []);
  useEffect(() => {
    // A search that has just begun asks for its own bars.
    if (f && f.question.q === r.q && !s.runningSince.peek()) void s.loadBars();
  }, [r.by]);
  useEffect(() => (r.tail ? follow(words) : undefined), [r.tail, r.q, r.store]);

  const lines = f?.lines ?? [];
  // A link may point at a row that is not among the first ones.
  const here = !r.id || lines.some((l) => l.event.uid === r.id);
  useEffect(() => {
    setLinked(null);
    if (here || !f) return;
    const mine = new AbortController();
    get<EventAnswer>(`event/${encodeURIComponent(r.id)}`, { store: r.store }, mine.signal)
      .then((a) => setLinked(linesOf([a.event], undefined)[0] ?? null))
      .catch(() => undefined); // the event is gone; the list is shown without it
    return () => mine.abort();
  }, [r.id, here, f?.question]);
  const shown = useMemo(() => (linked && !here ? [linked, ...lines] : lines), [linked, here, lines]);

  const open = (uid: string) => go({ id: uid === route.peek().id ? '' : uid }, 'replace');
  const context = () => {
    const line = shown.find((l) => l.event.uid === (s.current.peek() || route.peek().id));
    if (line) setAround(line);
  };
  useEffect(() => {
    const end = bind({
      query: focusQuery,
      earlier: () => shiftRange(-1),
      later: () => shiftRange(1),
      zoomOut: zoomAway,
      follow: toggleTail,
      link: copyLink,
      pause: () => {
        if (!route.peek().tail) return;
        paused.value = !paused.peek();
        if (!paused.peek() && atTop.peek()) show();
      },
    });
    return end;
  }, []);
  useEffect(() => {
    if (around) return;
    return bind({
      ...rowKeys(
        () => shown,
        s.current,
        () => void s.more(),
      ),
      first: () => {
        show();
        rowKeys(() => s.found.peek()?.lines ?? [], s.current).first?.();
      },
      run: () => s.current.peek() && open(s.current.peek()),
      close: () => {
        focusList();
        if (route.peek().id) go({ id: '' }, 'replace');
        else if (s.selected.peek().size) s.selected.value = new Set();
        else s.current.value = '';
      },
      select: () => {
        const uid = s.current.peek();
        if (uid) s.selectAll([uid], !s.selected.peek().has(uid));
      },
      context,
      copy: () => copyLines(shown),
    });
  }, [shown, around]);

  const wasAround = useRef(false);
  useEffect(() => {
    if (wasAround.current && !around) focusList();
    wasAround.current = !!around;
  }, [around]);

  const wanted = shownColumns();
  const equal = useMemo(
    () => (prefs.hideEqual.value ? equalColumns(lines, wanted) : new Map<string, string>()),
    [lines, wanted, prefs.hideEqual.value],
  );
  const side = prefs.showFields.value && !narrow.value;
  const failed = <Failed error={s.failure.value} onAgain={() => void s.search()} />;
  return (
    <div class="explore">
      <h1 class="sr">Explore</h1>
      <QueryBar follow />
      <div class={side ? 'exbody' : 'exbody noside'}>
        {side && <Fields />}
        {around ? (
          <Context event={around.event} onBack={() => setAround(null)} />
        ) : (
          <div class="col">
            {s.bars.value && f && (f.lines.length > 0 || s.bars.value.total > 0) ? <Chart /> : <span />}
            <div>
              <ResultLine />
              <Equal equal={equal} />
            </div>
            {s.failure.value && !f ? (
              <Rest>{failed}</Rest>
            ) : f && shown.length === 0 && !s.runningSince.value ? (
              <Rest>{s.failure.value ? failed : <Nothing found={f} onEvent={() => void s.search()} />}</Rest>
            ) : f ? (
              <List
                label="Events, newest first"
                lines={shown}
                columns={equal.size ? wanted.filter((c) => !equal.has(c)) : wanted}
                range={f.question.span}
                open={r.id}
                onOpen={open}
                detail={(line) => (
                  <Detail
                    line={line}
                    onContext={() => setAround(line)}
                    onClose={() => {
                      go({ id: '' }, 'replace');
                      focusList();
                    }}
                  />
                )}
                current={s.current}
                selected={s.selected.value}
                onSelect={s.selectAll}
                stale={s.runningSince.value > 0 || !!s.failure.value}
                former={isFormer()}
                onEnd={() => void s.more()}
                onTop={(top) => {
                  atTop.value = top;
                }}
                badge={<Badge />}
                end={<End />}
              />
            ) : (
              <Rest />
            )}
          </div>
        )}
      </div>
    </div>
  );
}

function Rest({ children }: { children?: preact.ComponentChildren }) {
  return (
    <section class="list" aria-label="Events" tabIndex={0}>
      {children}
    </section>
  );
}

function copyLines(lines: readonly Line[]): void {
  const chosen = s.picked();
  const at = lines.find((l) => l.event.uid === s.current.peek());
  const those = chosen.length ? chosen : at ? [at] : [];
  if (!those.length) {
    toast('No row is chosen');
    return;
  }
  const text = those.map((l) => asText(l.event, prefs.zone.peek(), prefs.clock.peek())).join('\n');
  void copy(text, many(those.length, 'line'));
}

function Badge() {
  const n = waiting.value.length;
  if (!n) return null;
  return (
    <div class="badge" role="row">
      <div role="gridcell">
        <button
          type="button"
          onClick={() => {
            go({ id: '' }, 'replace');
            s.current.value = '';
            paused.value = false;
            document.querySelector('.list')?.scrollTo({ top: 0 });
            show();
          }}
        >
          ↑ {int(n)} new
        </button>
      </div>
    </div>
  );
}

function End() {
  const f = s.found.value;
  if (!f) return null;
  if (f.more) {
    return s.loadingMore.value ? (
      'Loading more…'
    ) : (
      <button type="button" class="acc" onClick={() => void s.more()}>
        Load more
      </button>
    );
  }
  if (f.partial) return 'Not all of the range was read.';
  return (
    <>
      The range begins here: {stamp(Math.min(f.question.span.from, serverNow()), 'full', prefs.zone.value)}{' '}
      {zoneName()}. <Button onClick={zoomAway}>Zoom out</Button>
    </>
  );
}
