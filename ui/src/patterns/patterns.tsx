/** Patterns: similar lines of the hits as one row. Beside it, what changed against another range. */
import { signal } from '@preact/signals';
import { useEffect, useState } from 'preact/hooks';
import { get, isAbort, sentence } from '../api';
import type { Pattern, PatternsAnswer } from '../api-types';
import { Spark } from '../chart/spark';
import { again, copyLink, filter, shiftRange, zoomAway } from '../explore/act';
import { Nothing } from '../explore/nothing';
import { QueryBar } from '../explore/query-bar';
import { asked, parameters } from '../explore/search';
import { int, percent } from '../format';
import { bind } from '../keys';
import { grade } from '../list/event';
import { focusQuery } from '../query/box';
import { include, term } from '../query/rewrite';
import { Button, Segments } from '../ui/button';
import { Ago, Empty, Severity, Tag } from '../ui/marks';
import { Table } from '../ui/table';
import { go, route } from '../url';
import { Changed } from './changed';
import { Example } from './example';

const FIRST = 50;
const MOST = 1000;

const patterns = signal<PatternsAnswer | null>(null);

export function Patterns() {
  const r = route.value;
  const changed = r.sub === 'changed';
  useEffect(
    () =>
      bind({
        query: focusQuery,
        earlier: () => shiftRange(-1),
        later: () => shiftRange(1),
        zoomOut: zoomAway,
        link: copyLink,
      }),
    [],
  );
  return (
    <div class="scrolling">
      <QueryBar />
      <div class="page">
        {changed ? (
          <Changed tabs={<Tabs />} />
        ) : (
          <List tabs={<Tabs />} key={`${again.value} ${r.q} ${r.from} ${r.to} ${r.store}`} />
        )}
      </div>
    </div>
  );
}

function Tabs() {
  return (
    <Segments
      label="Show"
      options={[
        ['', 'Patterns'],
        ['changed', 'What changed'],
      ]}
      value={route.value.sub === 'changed' ? 'changed' : ''}
      onChange={(sub) => go({ sub })}
    />
  );
}

function List({ tabs }: { tabs: preact.ComponentChildren }) {
  const [failed, setFailed] = useState<unknown>(null);
  const [limit, setLimit] = useState(FIRST);
  const [question] = useState(asked);
  useEffect(() => {
    if (!question) return;
    const mine = new AbortController();
    get<PatternsAnswer>('patterns', { ...parameters(question), limit }, mine.signal)
      .then((a) => {
        patterns.value = a;
        setFailed(null);
      })
      .catch((error) => !isAbort(error) && setFailed(error));
    return () => mine.abort();
  }, [question, limit]);
  const a = patterns.value;
  return (
    <>
      <header>
        <h1>Patterns</h1>
        {tabs}
        {a && a.patterns.length > 0 && (
          <span class="sub">
            <b>{int(a.distinct)}</b> patterns stand for <b>{int(a.matched)}</b> events
            {a.stats && ` · ${a.stats.ms} ms`}
          </span>
        )}
        {a?.partial && <Tag tone="warn">partial</Tag>}
      </header>
      {failed ? (
        <div class="box">
          <Empty title="The patterns cannot be had">{sentence(failed)}</Empty>
        </div>
      ) : a && question && a.patterns.length === 0 ? (
        <div class="box">
          <Nothing found={{ question, lines: [], cursor: null, more: false }} />
        </div>
      ) : a ? (
        <div class="box">
          <Table
            label="Patterns"
            columns={[
              { title: 'Events', kind: 'num' },
              { title: 'Share', kind: 'hide-m' },
              { title: 'Over the range', kind: 'tight' },
              { title: 'First in it' },
              { title: 'Last' },
              { title: '', kind: 'tight' },
              { title: 'Example; what varies is dim', kind: 'full' },
              { title: '', kind: 'tight' },
            ]}
            rows={a.patterns.map((p) => ({ key: p.shape, cells: cells(p, a.matched) }))}
          />
          {a.patterns.length < a.distinct && (
            <div class="foot">
              <span>
                {int(a.patterns.length)} of {int(a.distinct)} shown
              </span>
              {limit < MOST && <Button onClick={() => setLimit(Math.min(MOST, limit * 4))}>Show more</Button>}
            </div>
          )}
        </div>
      ) : null}
    </>
  );
}

function cells(p: Pattern, matched: number) {
  const severity = mostSevere(p.severities);
  const share = (p.events / Math.max(1, matched)) * 100;
  return [
    <b class="num">{int(p.events)}</b>,
    <span class="shr">
      <span class="meter">
        <i style={{ '--w': `${share}%` }} />
      </span>
      <span class="num">{percent(share)}</span>
    </span>,
    <Spark counts={p.sparkline} severity={severity} />,
    <Ago at={p.first} />,
    <Ago at={p.last} />,
    <Severity severity={severity} />,
    <Example parts={p.parts} text={p.text} />,
    <ShapeActions shape={p.shape} />,
  ];
}

/** The severity that most of its events have. */
export function mostSevere(by: Record<string, number>): string {
  const [first] = Object.entries(by).sort((a, b) => b[1] - a[1] || grade(a[0]) - grade(b[0]));
  return first?.[0] ?? 'info';
}

export function ShapeActions({ shape }: { shape: string }) {
  return (
    <span class="gap">
      <Button
        tip="Show these lines"
        onClick={() =>
          go({ view: 'explore', sub: '', id: '', q: include(route.peek().q, term('shape', shape)) })
        }
      >
        Lines
      </Button>
      <Button icon="plus" tip="Only this pattern" onClick={() => filter('shape', shape)} />
      <Button icon="minus" tip="Without this pattern" onClick={() => filter('shape', shape, true)} />
    </span>
  );
}
