/** Rescue: what a destination will never take, by reason; given to it again, or discarded, after a question. */
import { signal } from '@preact/signals';
import { useEffect, useState } from 'preact/hooks';
import { get, isAbort, send, sentence } from '../api';
import type { RescueAnswer, RescueEntry } from '../api-types';
import { int, many } from '../format';
import { Message } from '../list/message';
import { clean } from '../list/text';
import { Tree } from '../list/tree';
import { zone } from '../prefs';
import { stamp } from '../time';
import { Button } from '../ui/button';
import { ask, Dialog, openDialog } from '../ui/dialog';
import { Field, text } from '../ui/field';
import { Loading } from '../ui/loading';
import { Ago, Empty, Failure, Severity, Ticks } from '../ui/marks';
import { toast } from '../ui/say';
import { Box, Table } from '../ui/table';

const PAGE = 200;
/** Entries of a reason that are shown at first. */
const FEW = 5;

const rescue = signal<RescueAnswer | null>(null);

interface Target {
  sink: string;
  reason: string | null;
  id: string | null;
  events: number;
}

export function Rescue() {
  const [failed, setFailed] = useState('');
  const [begun] = useState(Date.now);
  const load = async (signal?: AbortSignal) => {
    try {
      rescue.value = await get<RescueAnswer>('rescue', { limit: PAGE }, signal);
      setFailed('');
    } catch (error) {
      if (!isAbort(error)) setFailed(sentence(error));
    }
  };
  const more = async () => {
    const before = rescue.peek();
    if (!before?.cursor) return;
    try {
      const next = await get<RescueAnswer>('rescue', { limit: PAGE, cursor: before.cursor });
      rescue.value = { ...before, entries: [...before.entries, ...next.entries], cursor: next.cursor };
    } catch (error) {
      setFailed(sentence(error));
    }
  };
  useEffect(() => {
    const mine = new AbortController();
    void load(mine.signal);
    return () => mine.abort();
  }, []);
  const r = rescue.value;
  const all = r?.by_reason.reduce((n, g) => n + g.events, 0) ?? 0;
  return (
    <div class="page">
      <header>
        <h1>Rescue</h1>
        {all > 0 && (
          <span class="sub">
            <b>{many(all, 'event')}</b> that were refused for good. They are kept until you decide.
          </span>
        )}
      </header>
      <Failure what={failed} />
      {!r && !failed && <Loading since={begun} />}
      {r && all === 0 && (
        <div class="box">
          <Empty title="Nothing to rescue">
            <p class="sub">
              Every event reached its destinations, waits in a queue, or was dropped by a rule. What is
              refused for good will be kept here.
            </p>
          </Empty>
        </div>
      )}
      {r?.by_reason.map((g) => (
        <Reason
          key={`${g.sink} ${g.reason}`}
          target={{ sink: g.sink, reason: g.reason, id: null, events: g.events }}
          entries={r.entries.filter((e) => e.sink === g.sink && e.reason === g.reason)}
          whole={!r.cursor}
          onMore={more}
          onDone={() => void load()}
        />
      ))}
    </div>
  );
}

interface ReasonProps {
  target: Target;
  entries: readonly RescueEntry[];
  whole: boolean;
  onMore: () => Promise<void>;
  onDone: () => void;
}

function Reason({ target, entries, whole, onMore, onDone }: ReasonProps) {
  const [most, setMost] = useState(FEW);
  const times = entries.map((e) => e.time).sort();
  const attempts = Math.max(0, ...entries.map((e) => e.attempts));
  const shown = entries.slice(0, most);
  return (
    <Box
      title={`${many(target.events, 'event')} of ${whose(target.sink)}`}
      note={
        <span class="any">
          <Ticks text={clean(target.reason ?? '', 400)} />
        </span>
      }
      actions={
        <>
          <Button
            kind="plain"
            tip="Give them to the destination again"
            onClick={() => replay(target, onDone)}
          >
            Replay
          </Button>
          <Button kind="bad" onClick={() => discard(target, onDone)}>
            Discard…
          </Button>
        </>
      }
    >
      <p class="pad sub">
        {attempts > 0 && (attempts === 1 ? 'tried once' : `tried up to ${int(attempts)} times`)}
        {times.length > 0 && (
          <>
            {' '}
            · oldest <Ago at={times[0]} />, newest <Ago at={times.at(-1)} />
          </>
        )}
      </p>
      <Table
        label={`Events: ${target.reason}`}
        columns={[
          { title: 'Rescued', kind: 'tight' },
          { title: '', kind: 'tight' },
          { title: 'Host' },
          { title: 'App' },
          { title: 'Message', kind: 'full' },
          { title: '', kind: 'tight' },
        ]}
        rows={shown.map((e) => ({ key: `${e.sink} ${e.id}`, cells: cells(e, onDone) }))}
      />
      {(most < entries.length || (!whole && entries.length < target.events)) && (
        <div class="foot">
          <Button
            onClick={() => {
              if (most >= entries.length) void onMore();
              setMost(most + PAGE);
            }}
          >
            Show more of {int(target.events)}
          </Button>
          <code class="push">loggr rescue list</code>
        </div>
      )}
    </Box>
  );
}

function cells(e: RescueEntry, onDone: () => void) {
  const target: Target = { sink: e.sink, id: e.id, reason: null, events: e.events };
  const { event } = e;
  return [
    <span class="mono nowrap">{stamp(Date.parse(e.time), 'dayMinute', zone.value)}</span>,
    event ? <Severity severity={event.severity} /> : '',
    event ? clean(event.source, 60) : '',
    event ? clean(event.app_name, 60) : '',
    <div class="pat">
      {event ? (
        <Message line={{ event, matches: [] }} wrap={false} />
      ) : (
        <span class="dim">cannot be read</span>
      )}
      {e.events > 1 && <span class="nl">and {e.events - 1} more of this batch</span>}
    </div>,
    <span class="gap">
      {event && (
        <Button
          onClick={() =>
            openDialog(() => (
              <Dialog title="Rescued event" shape="dlg wide">
                <p class="note err">
                  <Ticks text={clean(e.reason, 2000)} />
                </p>
                <div class="card tree">
                  <Tree value={event} />
                </div>
              </Dialog>
            ))
          }
        >
          Open
        </Button>
      )}
      <Button onClick={() => replay(target, onDone)}>Replay</Button>
      <Button onClick={() => discard(target, onDone)}>Discard…</Button>
    </span>,
  ];
}

/** Who refused it, in words. */
export function whose(sink: string): string {
  const [, kind = 'shipper', name = sink] = /^(machine|listener)\.(.*)$/s.exec(sink) ?? [];
  return `${kind} ${clean(name, 60)}`;
}

const body = (t: Target) => ({ sink: t.sink, id: t.id, reason: t.reason });

function replay(t: Target, onDone: () => void): void {
  ask({
    title: `Replay ${many(t.events, 'event')}?`,
    yes: 'Replay',
    children: (
      <p>
        They go to <b>{whose(t.sink)}</b> again. What it refuses again stays in the rescue.
      </p>
    ),
    onYes: async () => {
      const end = await send<{ replayed: number; refused: number; reason: string | null }>(
        'POST',
        'rescue/replay',
        body(t),
      );
      onDone();
      const refused = end.refused
        ? `, ${int(end.refused)} refused again: ${end.reason ?? 'for the same reason'}`
        : '';
      if (end.refused) throw new Error(`${many(end.replayed, 'event')} replayed${refused}`);
      toast(`${many(end.replayed, 'event')} replayed`);
    },
  });
}

function discard(t: Target, onDone: () => void): void {
  ask({
    title: `Discard ${many(t.events, 'event')}?`,
    yes: `Discard ${many(t.events, 'event')}`,
    no: 'Keep them',
    bad: true,
    children: (
      <>
        <p>
          They will be gone for good and counted as <b>dropped</b> in the balance. Who did it and when is
          written to the security log.
        </p>
        <Field label={`Type ${t.events} to confirm`} name="n" required numeric autoComplete="off" />
      </>
    ),
    onYes: async (form) => {
      if (text(form, 'n') !== String(t.events)) throw new Error(`Type ${t.events} to confirm`);
      const end = await send<{ discarded: number }>('POST', 'rescue/discard', body(t));
      toast(`${many(end.discarded, 'event')} discarded`);
      onDone();
    },
  });
}
