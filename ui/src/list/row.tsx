/** One row of the list, and the columns that it has. */
import { signal } from '@preact/signals';
import * as prefs from '../prefs';
import { fraction, type Span, stamp } from '../time';
import { Severity, zoneName } from '../ui/marks';
import { grade, skewed, times, valuesOf } from './event';
import { Message } from './message';
import type { Line } from './rows';
import { clean } from './text';

/** A phone: rows are small cards there. */
export const narrow = signal(false);
if (typeof matchMedia === 'function') {
  const media = matchMedia('(max-width: 760px)');
  narrow.value = media.matches;
  media.addEventListener('change', () => {
    narrow.value = media.matches;
  });
}

export interface Columns {
  names: readonly string[];
  /** The date stands before the time. */
  dated: boolean;
}

export function columnsFor(names: readonly string[], range: Span): Columns {
  return { names, dated: range.to - range.from > 864e5 };
}

const WIDTH: Record<string, number> = { host: 92, app: 104 };

export function widthOf(name: string, columns: Columns): number {
  const kept = prefs.widths.value[name];
  if (kept) return kept;
  if (name === 'time') return 98 + (columns.dated ? 44 : 0) + (prefs.micros.value ? 24 : 0);
  return WIDTH[name] ?? 120;
}

export const MIN_WIDTH = 48;
export const MAX_WIDTH = 800;

export function setWidth(name: string, width: number | null): void {
  const next = { ...prefs.widths.peek() };
  if (width === null) delete next[name];
  else next[name] = Math.round(Math.max(MIN_WIDTH, Math.min(MAX_WIDTH, width)));
  prefs.widths.value = next;
}

/** The tracks of the grid that header and rows share. */
export function template(columns: Columns): string {
  const px = ['time', ...columns.names].map((n) => `${widthOf(n, columns)}px`);
  return `24px 18px ${px.join(' ')} minmax(240px, 1fr)`;
}

/** The least width of a row: its tracks, the gaps between them, and its edges. */
export function leastWidth(columns: Columns): number {
  const px = ['time', ...columns.names].map((n) => widthOf(n, columns));
  return px.reduce((sum, w) => sum + w + GAP, 24 + 18 + 240 + 2 * GAP + EDGES);
}

/** As list.css has them. */
const GAP = 10;
const EDGES = 15;

interface RowProps {
  line: Line;
  columns: Columns;
  rowIndex: number;
  open?: boolean;
  current?: boolean;
  selected?: boolean;
  anchor?: boolean;
  wrap: boolean;
  onOpen: () => void;
  onSelect?: (range: boolean) => void;
}

export function Row(p: RowProps) {
  const { event } = p.line;
  const g = grade(event.severity);
  const edge = g <= 2 ? ' c' : g === 3 ? ' e' : g === 4 ? ' w' : '';
  const state = `${p.anchor ? ' anchor' : ''}${p.open ? ' open' : ''}${p.current ? ' cur' : ''}${p.selected ? ' sel' : ''}`;
  return (
    <div
      class={`row${edge}${state}`}
      role="row"
      id={`row-${event.uid}`}
      aria-rowindex={p.rowIndex}
      aria-expanded={p.open}
      aria-selected={p.selected}
      onClick={(ev) => {
        if ((ev.target as Element).closest('input, button') || String(getSelection())) return;
        p.onOpen();
      }}
    >
      <span class="pick" role="gridcell">
        {p.onSelect && (
          <input
            type="checkbox"
            tabIndex={-1}
            aria-label="Select this row"
            checked={p.selected}
            onClick={(ev) => p.onSelect?.(ev.shiftKey)}
          />
        )}
      </span>
      <span role="gridcell">
        <Severity severity={event.severity} />
      </span>
      <Time line={p.line} columns={p.columns} />
      {p.columns.names.map((name) => (
        <Cell key={name} name={name} line={p.line} />
      ))}
      <span class="msg" role="gridcell">
        <Message line={p.line} wrap={p.wrap} />
      </span>
    </div>
  );
}

function Cell({ name, line }: { name: string; line: Line }) {
  const text = clean(valuesOf(line.event, name).join(', '), 300);
  const kind = name === 'host' ? 'host cut' : name === 'app' ? 'cut' : 'cut xcol';
  return (
    <span class={kind} role="gridcell" title={text}>
      {text || <span class="dim">–</span>}
    </span>
  );
}

function Time({ line, columns }: { line: Line; columns: Columns }) {
  const { event } = line;
  const t = times(event);
  const reported = prefs.clock.value === 'reported';
  const ms = reported ? t.reported : t.received;
  const written = reported ? event.timereported : event.timegenerated;
  const z = prefs.zone.value;
  const late = skewed(t.skew);
  const both = `received ${stamp(t.received, 'full', z)}${fraction(event.timegenerated, 6)}, reported ${stamp(t.reported, 'full', z)}${fraction(event.timereported, 6)} ${zoneName()}`;
  return (
    <span class="ts" role="gridcell" title={both}>
      {columns.dated && `${stamp(ms, 'day', z).slice(5)} `}
      {stamp(ms, 'time', z)}
      <i>{fraction(written, prefs.micros.value ? 6 : 3)}</i>
      {late && (
        <span class="skew" role="img" aria-label={late} title={late}>
          {' '}
          Δ
        </span>
      )}
    </span>
  );
}
