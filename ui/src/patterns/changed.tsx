/** What changed: two ranges, and the shapes and values that are new, gone, grew or shrank. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { serverNow } from '../api';
import type { Change, CompareAnswer } from '../api-types';
import { again, filter, zoomedFrom } from '../explore/act';
import { Former, isFormer } from '../explore/former';
import { Failed } from '../explore/nothing';
import { asked, parameters } from '../explore/search';
import { int, many } from '../format';
import { clean } from '../list/text';
import { zone } from '../prefs';
import { alias } from '../query/complete';
import { include, term } from '../query/rewrite';
import { iso, point, resolve, stamp } from '../time';
import { Button, Segments } from '../ui/button';
import { Loading } from '../ui/loading';
import { Empty, Tag, zoneName } from '../ui/marks';
import { Table } from '../ui/table';
import { go, route } from '../url';
import { useAsked } from './asked';
import { aligned, Example } from './example';
import { ShapeActions, Whole } from './patterns';

const LIMIT = 200;
const TONE: Record<string, 'acc' | 'warn'> = { new: 'acc', grew: 'warn' };

type Against = 'before' | 'around' | 'day' | 'week' | 'own';

export function Changed({ tabs }: { tabs: ComponentChildren }) {
  const r = route.value;
  const [against, setAgainst] = useState<Against>('before');
  const [own, setOwn] = useState<{ from: number; to: number } | null>(null);
  const now = resolve(r, serverNow());
  const wide = zoomedFrom.value;
  const around = wide && now && wide.from <= now.from && wide.to >= now.to ? wide : null;
  const key = `${again.value} ${r.q} ${r.from} ${r.to} ${r.store}`;
  const a = useAsked<CompareAnswer>(
    'compare',
    () => {
      const question = asked();
      if (!question || (against === 'own' && !own)) return null;
      const before = earlier(against, question.span, against === 'around' ? around : own);
      return { ...parameters(question), ...before, limit: LIMIT };
    },
    `${key} ${against} ${own?.from} ${own?.to}`,
  );
  const { answer } = a;
  const biggest = Math.max(1, ...(answer?.changes ?? []).map((c) => Math.abs(c.now - c.before)));
  return (
    <>
      <header>
        <h1>What changed</h1>
        {tabs}
        <Segments<Against>
          label="Against"
          options={[
            ['before', 'Just before'],
            ...(around ? ([['around', 'All around it']] as const) : []),
            ['day', 'A day before'],
            ['week', 'A week before'],
            ['own', 'Another range'],
          ]}
          value={against}
          onChange={setAgainst}
        />
        <Loading since={a.since} onCancel={a.cancel} />
        {answer && !a.since && isFormer() && <Former q={route.value.q} />}
        {answer && !a.since && <Whole of={answer} onMore={() => a.again(true)} />}
        {answer && (
          <span class="push sub num">
            {range(answer.before)} → {range(answer.now)} {zoneName()}
          </span>
        )}
      </header>
      {against === 'own' && <Own onChange={setOwn} />}
      {!!a.failed && (
        <div class="box">
          <Failed error={a.failed} onAgain={() => a.again()} />
        </div>
      )}
      {answer && !a.failed && (
        <div class={a.since || isFormer() ? 'box stale' : 'box'} aria-busy={a.since > 0}>
          {answer.changes.length ? (
            <Table
              label="What changed"
              columns={[
                { title: 'Change', kind: 'tight' },
                { title: 'Before', kind: 'num', sorts: 'down' },
                { title: 'Now', kind: 'num', sorts: 'down' },
                { title: 'Times', kind: 'num' },
                { title: 'Difference', kind: 'tight hide-m', sorts: 'down' },
                { title: 'Pattern or field value; what varies is dim', kind: 'full' },
                { title: '', kind: 'tight' },
              ]}
              rows={answer.changes.map((c) => ({
                key: `${c.what} ${c.shape ?? ''} ${c.field ?? ''} ${c.value ?? ''}`,
                cells: cells(c, biggest),
                by: [0, c.before, c.now, 0, c.now - c.before],
              }))}
            />
          ) : (
            <Empty title="Nothing changed">
              <p class="sub">
                No pattern and no value of a field is more or less frequent than chance can make it, among{' '}
                {many(answer.before.events, 'event')} before and {many(answer.now.events, 'event')} now.
              </p>
            </Empty>
          )}
        </div>
      )}
    </>
  );
}

const DAY_MS = 864e5;

function earlier(
  against: Against,
  now: { from: number; to: number },
  own: { from: number; to: number } | null,
) {
  const back = against === 'day' ? DAY_MS : against === 'week' ? 7 * DAY_MS : 0;
  const span =
    against === 'own' || against === 'around'
      ? own
      : back
        ? { from: now.from - back, to: now.to - back }
        : null;
  const exclude = against === 'around' ? 1 : undefined;
  return span ? { before_from: iso(span.from), before_to: iso(span.to), exclude } : {};
}

function range(r: CompareAnswer['now']): string {
  const [a, b] = [Date.parse(r.from ?? ''), Date.parse(r.to ?? '')];
  const sameDay = stamp(a, 'day', zone.value) === stamp(b, 'day', zone.value);
  return `${stamp(a, 'dayMinute', zone.value)}–${stamp(b, sameDay ? 'minute' : 'dayMinute', zone.value)}`;
}

function cells(c: Change, biggest: number) {
  const up = c.now > c.before;
  const width = (Math.abs(c.now - c.before) / biggest) * 48;
  // The ranges may have different lengths: rates are compared.
  const [a, b] = [c.rate_now ?? c.now, c.rate_before ?? c.before];
  const times = a && b ? (a > b ? `× ${(a / b).toFixed(1)}` : `÷ ${(b / a).toFixed(1)}`) : '–';
  const field = alias(c.field ?? '');
  const value = c.field ? term(field, c.value ?? null) : '';
  return [
    <Tag tone={TONE[c.kind] ?? ''}>{c.kind}</Tag>,
    int(c.before),
    <b>{int(c.now)}</b>,
    times,
    <div
      class={up ? 'delta up' : 'delta'}
      style={{ '--w': `${width}%`, '--l': up ? '51%' : `${49 - width}%` }}
    >
      <i />
    </div>,
    c.what === 'shape' ? (
      <Example parts={c.example ? aligned(c.text ?? '', c.example.message) : []} text={c.text ?? ''} />
    ) : (
      <Value term={clean(value, 300)} />
    ),
    c.shape ? (
      <ShapeActions shape={c.shape} />
    ) : (
      <span class="gap">
        <Button
          tip="Show these lines"
          onClick={() => go({ view: 'explore', sub: '', id: '', q: include(route.peek().q, value) })}
        >
          Lines
        </Button>
        <Button icon="plus" tip="Only this value" onClick={() => filter(field, c.value ?? null)} />
        <Button icon="minus" tip="Without this value" onClick={() => filter(field, c.value ?? null, true)} />
      </span>
    ),
  ];
}

/** A term of one field; there are too many of them to ask the parser for each. */
function Value({ term: written }: { term: string }) {
  const [, field = '', value = written] = /^((?:\\.|[^:\\])+:)(.*)$/s.exec(written) ?? [];
  return (
    <code class="any">
      <span class="q-f">{field}</span>
      {value}
    </code>
  );
}

function Own({ onChange }: { onChange: (span: { from: number; to: number }) => void }) {
  const [wrong, setWrong] = useState('');
  const apply = (ev: SubmitEvent) => {
    ev.preventDefault();
    const form = new FormData(ev.currentTarget as HTMLFormElement);
    const [from, to] = ['from', 'to'].map((n) => point(String(form.get(n) ?? ''), serverNow(), zone.peek()));
    if (from === undefined || to === undefined || !(from < to)) setWrong('This is not a range');
    else {
      setWrong('');
      onChange({ from, to });
    }
  };
  return (
    <form class="gap" onSubmit={apply}>
      <label class="gap">
        From <input class="in mono when" name="from" placeholder="now-2h" />
      </label>
      <label class="gap">
        to <input class="in mono when" name="to" placeholder="now-1h" />
      </label>
      <Button kind="plain" size="normal" submit>
        Compare
      </Button>
      {wrong && (
        <span class="err" role="alert">
          {wrong}
        </span>
      )}
    </form>
  );
}
