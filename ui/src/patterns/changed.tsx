/** What changed: two ranges, and the shapes and values that are new, gone, grew or shrank. */
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { get, isAbort, sentence, serverNow } from '../api';
import type { Change, CompareAnswer } from '../api-types';
import { again, zoomedFrom } from '../explore/act';
import { asked, parameters } from '../explore/search';
import { int, many } from '../format';
import { clean } from '../list/text';
import { zone } from '../prefs';
import { Query } from '../query/coloured';
import { alias } from '../query/complete';
import { include, term } from '../query/rewrite';
import { iso, point, resolve, stamp } from '../time';
import { Button, Segments } from '../ui/button';
import { Empty, Tag, zoneName } from '../ui/marks';
import { Table } from '../ui/table';
import { go, route } from '../url';
import { Example } from './example';
import { ShapeActions } from './patterns';

const LIMIT = 200;
const TONE = { new: 'acc', gone: '', grew: 'warn', shrank: '' } as const;

type Against = 'before' | 'around' | 'day' | 'week' | 'own';

export function Changed({ tabs }: { tabs: ComponentChildren }) {
  const r = route.value;
  const [against, setAgainst] = useState<Against>('before');
  const [own, setOwn] = useState<{ from: number; to: number } | null>(null);
  const [answer, setAnswer] = useState<CompareAnswer | null>(null);
  const [failed, setFailed] = useState('');
  const now = resolve(r, serverNow());
  const wide = zoomedFrom.value;
  const around = wide && now && wide.from <= now.from && wide.to >= now.to ? wide : null;
  const key = `${again.value} ${r.q} ${r.from} ${r.to} ${r.store}`;
  useEffect(() => {
    const question = asked();
    if (!question || (against === 'own' && !own)) return;
    const mine = new AbortController();
    const before = earlier(against, question.span, against === 'around' ? around : own);
    get<CompareAnswer>('compare', { ...parameters(question), ...before, limit: LIMIT }, mine.signal)
      .then((a) => {
        setAnswer(a);
        setFailed('');
      })
      .catch((error) => !isAbort(error) && setFailed(sentence(error)));
    return () => mine.abort();
  }, [key, against, own]);
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
        {answer && (
          <span class="push sub num">
            {range(answer.before)} → {range(answer.now)} {zoneName()}
          </span>
        )}
      </header>
      {against === 'own' && <Own onChange={setOwn} />}
      {failed && <p class="note err">{failed}</p>}
      {answer && (
        <div class="box">
          {answer.changes.length ? (
            <Table
              label="What changed"
              columns={[
                { title: 'Change', kind: 'tight' },
                { title: 'Before', kind: 'num' },
                { title: 'Now', kind: 'num' },
                { title: 'Times', kind: 'num' },
                { title: 'Difference', kind: 'tight hide-m' },
                { title: 'Pattern or field value', kind: 'full' },
                { title: '', kind: 'tight' },
              ]}
              rows={answer.changes.map((c) => ({
                key: `${c.what} ${c.shape ?? ''} ${c.field ?? ''} ${c.value ?? ''}`,
                cells: cells(c, biggest),
              }))}
            />
          ) : (
            <Empty title="Nothing changed">
              <p class="sub">
                No pattern and no value of a field differs between {many(answer.before.events, 'event')}{' '}
                before and {many(answer.now.events, 'event')} now.
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

function range(r: { from: string; to: string }): string {
  const [a, b] = [Date.parse(r.from), Date.parse(r.to)];
  const sameDay = stamp(a, 'day', zone.value) === stamp(b, 'day', zone.value);
  return `${stamp(a, 'dayMinute', zone.value)}–${stamp(b, sameDay ? 'minute' : 'dayMinute', zone.value)}`;
}

function cells(c: Change, biggest: number) {
  const up = c.now > c.before;
  const width = (Math.abs(c.now - c.before) / biggest) * 48;
  // The ranges may have different lengths: rates are compared.
  const [a, b] = [c.rate_now ?? c.now, c.rate_before ?? c.before];
  const times = a && b ? (a > b ? `× ${(a / b).toFixed(1)}` : `÷ ${(b / a).toFixed(1)}`) : '–';
  const value = c.field ? term(alias(c.field), c.value ?? null) : '';
  return [
    <Tag tone={TONE[c.kind]}>{c.kind}</Tag>,
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
      <Example parts={c.parts} text={c.text ?? c.example?.message} />
    ) : (
      <Query q={clean(value, 300)} />
    ),
    c.shape ? (
      <ShapeActions shape={c.shape} />
    ) : (
      <Button
        tip="Show these lines"
        onClick={() => go({ view: 'explore', sub: '', id: '', q: include(route.peek().q, value) })}
      >
        Lines
      </Button>
    ),
  ];
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
