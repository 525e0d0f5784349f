/** Patterns: similar lines of the hits as one row. Beside it, what changed against another range. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Answer, Pattern, PatternsAnswer } from '../api-types';
import { Spark } from '../chart/spark';
import { again, copyLink, filter, shiftRange, zoomAway } from '../explore/act';
import { Former, isFormer } from '../explore/former';
import { Failed, Nothing } from '../explore/nothing';
import { QueryBar } from '../explore/query-bar';
import { asked, parameters, type Question } from '../explore/search';
import { int, many, percent } from '../format';
import { bind } from '../keys';
import { grade } from '../list/event';
import { clean } from '../list/text';
import { focusQuery } from '../query/box';
import { include, term } from '../query/rewrite';
import { Button, Segments } from '../ui/button';
import { Loading } from '../ui/loading';
import { Ago, Severity, Tag, Ticks } from '../ui/marks';
import { Table } from '../ui/table';
import { go, route } from '../url';
import { useAsked } from './asked';
import { Changed } from './changed';
import { Example } from './example';

const FIRST = 50;
const MOST = 1000;

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
          <List tabs={<Tabs />} of={`${again.value} ${r.q} ${r.from} ${r.to} ${r.store}`} />
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

interface ListProps {
  tabs: preact.ComponentChildren;
  /** What is asked; another text is another question. */
  of: string;
}

function List({ tabs, of }: ListProps) {
  const [more, setMore] = useState({ of, limit: FIRST });
  const limit = more.of === of ? more.limit : FIRST;
  const r = route.value;
  const question = useRef<Question | null>(null);
  const a = useAsked<PatternsAnswer>(
    'patterns',
    () => {
      question.current = asked();
      return question.current && { ...parameters(question.current), limit };
    },
    `${of} ${limit}`,
  );
  const { answer } = a;
  return (
    <>
      <header>
        <h1>Patterns</h1>
        {tabs}
        {a.since ? (
          <Loading since={a.since} onCancel={a.cancel} />
        ) : answer && isFormer() ? (
          <Former q={r.q} />
        ) : (
          answer && <Summary of={answer} />
        )}
        {answer && !a.since && <Whole of={answer} onMore={() => a.again(true)} />}
      </header>
      {a.failed ? (
        <div class="box">
          <Failed error={a.failed} onAgain={() => a.again()} />
        </div>
      ) : answer && question.current && answer.patterns.length === 0 && !a.since ? (
        <div class="box">
          <Nothing found={{ question: question.current, lines: [], more: false }} onEvent={() => a.again()} />
        </div>
      ) : answer && answer.patterns.length > 0 ? (
        <div class={a.since || isFormer() ? 'box stale' : 'box'} aria-busy={a.since > 0}>
          <Table
            label="Patterns"
            columns={[
              { title: 'Events', kind: 'num', sorts: 'down' },
              { title: 'Share', kind: 'hide-m' },
              { title: 'Over the range', kind: 'tight' },
              { title: 'First', sorts: 'down' },
              { title: 'Last', sorts: 'down' },
              { title: '', kind: 'tight' },
              { title: 'Example; what varies is dim', kind: 'full' },
              { title: '', kind: 'tight' },
            ]}
            rows={answer.patterns.map((p) => ({
              key: p.shape,
              cells: cells(p, answer.matched),
              by: [p.events, 0, 0, Date.parse(p.first), Date.parse(p.last)],
            }))}
          />
          {answer.patterns.length < answer.distinct && (
            <div class="foot">
              <span>
                {int(answer.patterns.length)} of {int(answer.distinct)} shown
              </span>
              {limit < MOST && (
                <Button onClick={() => setMore({ of, limit: Math.min(MOST, limit * 4) })}>Show more</Button>
              )}
            </div>
          )}
        </div>
      ) : null}
    </>
  );
}

function Summary({ of }: { of: PatternsAnswer }) {
  if (!of.patterns.length) return null;
  return (
    <span class="sub">
      <b>{int(of.distinct)}</b> {of.distinct === 1 ? 'pattern stands' : 'patterns stand'} for{' '}
      <b>{many(of.matched, 'event')}</b> · {of.stats.ms} ms
      {of.rest > 0 && ` · ${many(of.rest, 'event')} of rarer shapes not counted one by one`}
    </span>
  );
}

/** Says that something was left out, and offers to read it where more time would. */
export function Whole({ of, onMore }: { of: Answer; onMore: () => void }) {
  if (!of.partial) return null;
  const why = of.warnings.join('; ');
  if (why && !/time limit/.test(why))
    return (
      <span class="sub">
        <Ticks text={clean(why, 200)} />
      </span>
    );
  return (
    <>
      <Tag tone="warn" title={why}>
        partial
      </Tag>
      <Button onClick={onMore}>Read the rest</Button>
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
