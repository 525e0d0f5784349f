/**
 * The list of events: only the rows in view exist. The focus stays on the list, which points at the
 * row that the keys are at. Not: where the lines come from.
 */
import type { Signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useMemo, useRef } from 'preact/hooks';
import * as prefs from '../prefs';
import type { Span } from '../time';
import { Head } from './head';
import { reveal } from './reveal';
import { columnsFor, leastWidth, narrow, Row, template } from './row';
import { items, type Line } from './rows';
import { useVirtual } from './virtual';

export interface ListProps {
  label: string;
  lines: readonly Line[];
  columns: readonly string[];
  range: Span;
  /** Uid of the row that is open. */
  open: string;
  onOpen: (uid: string) => void;
  detail?: (line: Line) => ComponentChildren;
  current: Signal<string>;
  selected?: ReadonlySet<string>;
  onSelect?: (uids: string[], on: boolean) => void;
  /** The row that others are shown around. */
  anchor?: string;
  end: ComponentChildren;
  onEnd?: () => void;
  onTop?: (atTop: boolean) => void;
  /** Stands above the rows, below the header. */
  badge?: ComponentChildren;
  /** Another question is on its way, or has failed. */
  stale?: boolean;
  /** The rows are of the question before. */
  former?: boolean;
  /** Where the rows keep their place when others come before them. */
  keepPlace?: boolean;
}

const HEAD = 27;
/** So near to the end, what follows is fetched. */
const NEAR_PX = 1200;

export function List(p: ListProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const lastPick = useRef('');
  const wrap = prefs.wrap.value || narrow.value;
  const row = prefs.dense.value ? 20 : 24;
  const columns = columnsFor(p.columns, p.range);
  const list = useMemo(
    () => items(p.lines, p.open, prefs.zone.value, true),
    [p.lines, p.open, prefs.zone.value],
  );
  const virtual = useVirtual({
    count: list.length,
    scroller: () => scroller.current,
    head: narrow.value ? 0 : HEAD,
    keyOf: (i) => list[i]?.key ?? String(i),
    estimate: (i) => {
      const kind = list[i]?.kind;
      return kind === 'detail' ? 420 : kind === 'row' ? (narrow.value ? 64 : row) : 42;
    },
  });

  const at = (uid: string) => list.findIndex((i) => i.kind === 'row' && i.key === uid);
  const here = p.current.value;
  // The row of the keys comes into view, and the one that an address opens.
  useEffect(() => {
    const index = here ? at(here) : -1;
    if (index >= 0) virtual.scrollToIndex(index, { align: 'auto' });
  }, [here]);
  const first = useRef(true);
  useEffect(() => {
    const index = first.current && p.open ? at(p.open) : -1;
    if (index > 0) virtual.scrollToIndex(index, { align: 'start' });
    if (p.lines.length) first.current = false;
  }, [p.lines.length > 0]);

  useEffect(() => {
    const el = scroller.current;
    return p.open && el ? reveal(el, narrow.value ? 0 : HEAD) : undefined;
  }, [p.open]);

  // Rows that come before others push them down; the reader's place goes with them.
  const before = useRef({ first: '', total: 0 });
  const firstKey = p.lines[0]?.event.uid ?? '';
  useLayoutEffect(() => {
    const el = scroller.current;
    const total = virtual.getTotalSize();
    const was = before.current;
    if (p.keepPlace && el && was.first && was.first !== firstKey && at(was.first) > 0) {
      el.scrollTop += total - was.total;
    }
    before.current = { first: firstKey, total };
  });

  const onScroll = () => {
    const el = scroller.current;
    if (!el) return;
    p.onTop?.(el.scrollTop < 4);
    if (el.scrollTop + el.clientHeight > el.scrollHeight - NEAR_PX) p.onEnd?.();
  };
  useEffect(onScroll, [p.lines]);

  const select = (uid: string, range: boolean) => {
    const on = !p.selected?.has(uid);
    const uids = p.lines.map((l) => l.event.uid);
    const [a, b] = [uids.indexOf(lastPick.current), uids.indexOf(uid)];
    p.onSelect?.(range && a >= 0 ? uids.slice(Math.min(a, b), Math.max(a, b) + 1) : [uid], on);
    lastPick.current = uid;
  };

  const shown = virtual.getVirtualItems();
  const offset = (shown[0]?.start ?? 0) - (narrow.value ? 0 : HEAD);
  const rendered = shown.some((v) => list[v.index]?.key === here);
  return (
    <div
      ref={scroller}
      class={`list${wrap ? ' wrap' : ''}${p.stale ? ' stale' : ''}${p.former ? ' former' : ''}${p.selected?.size ? ' anysel' : ''}`}
      role="treegrid"
      tabIndex={0}
      aria-label={p.label}
      aria-rowcount={p.lines.length + 1}
      aria-multiselectable={!!p.onSelect}
      aria-activedescendant={rendered ? `row-${here}` : undefined}
      style={{ '--cols': template(columns), '--least': narrow.value ? '0' : `${leastWidth(columns)}px` }}
      onScroll={onScroll}
    >
      <Head
        columns={columns}
        all={p.onSelect ? p.lines.length > 0 && p.lines.every((l) => p.selected?.has(l.event.uid)) : null}
        onAll={(on) =>
          p.onSelect?.(
            p.lines.map((l) => l.event.uid),
            on,
          )
        }
      />
      {p.badge}
      <div role="rowgroup" class="rows" style={{ height: `${virtual.getTotalSize()}px` }}>
        <div class="window" role="presentation" style={{ transform: `translateY(${Math.max(0, offset)}px)` }}>
          {shown.map((v) => {
            const item = list[v.index];
            if (!item) return null;
            return (
              <div key={item.key} role="presentation" data-index={v.index} ref={virtual.measureElement}>
                {item.kind === 'row' && (
                  <Row
                    line={item.line}
                    columns={columns}
                    rowIndex={item.at + 2}
                    wrap={wrap}
                    open={item.key === p.open}
                    current={item.key === here}
                    selected={p.selected?.has(item.key) ?? false}
                    anchor={item.key === p.anchor}
                    onOpen={() => {
                      p.current.value = item.key;
                      p.onOpen(item.key);
                    }}
                    onSelect={p.onSelect ? (range) => select(item.key, range) : undefined}
                  />
                )}
                {item.kind === 'detail' && p.detail?.(item.line)}
                {item.kind === 'day' && <Note class="day">{dayName(item.day)}</Note>}
                {item.kind === 'end' && <Note class="more">{p.end}</Note>}
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}

function Note({ class: cls, children }: { class: string; children: ComponentChildren }) {
  return (
    <div role="row">
      <div class={cls} role="gridcell">
        {children}
      </div>
    </div>
  );
}

function dayName(day: string): string {
  return new Date(`${day}T12:00:00Z`).toLocaleDateString('en-GB', {
    weekday: 'long',
    day: 'numeric',
    month: 'long',
    year: 'numeric',
    timeZone: 'UTC',
  });
}
