/**
 * The logic of the list without its look: which items it shows, how lines join without one twice,
 * what is equal in all of them.
 */
import type { LogEvent, Match } from '../api-types';
import { stamp, type Zone } from '../time';
import { valuesOf } from './event';

export interface Line {
  event: LogEvent;
  matches: Match[];
}

export type Item =
  | { kind: 'row'; key: string; line: Line; at: number }
  | { kind: 'detail'; key: string; line: Line }
  | { kind: 'day'; key: string; day: string }
  | { kind: 'end'; key: string };

/** Rows with the names of days between them and the open one's detail under it. Newest first. */
export function items(lines: readonly Line[], open: string, zone: Zone, end: boolean): Item[] {
  const out: Item[] = [];
  const first = lines[0];
  let day = first ? stamp(Date.parse(first.event.timegenerated), 'day', zone) : '';
  lines.forEach((line, at) => {
    const its = stamp(Date.parse(line.event.timegenerated), 'day', zone);
    if (its !== day) {
      day = its;
      out.push({ kind: 'day', key: `day ${its} ${at}`, day: its });
    }
    out.push({ kind: 'row', key: line.event.uid, line, at });
    if (line.event.uid === open) out.push({ kind: 'detail', key: `detail ${open}`, line });
  });
  if (end) out.push({ kind: 'end', key: 'end' });
  return out;
}

export function linesOf(events: readonly LogEvent[], matches: readonly Match[][] | null | undefined): Line[] {
  return events.map((event, i) => ({ event, matches: matches?.[i] ?? [] }));
}

/** The lines with others before or behind them; a line that is there already is not taken again. */
export function join(lines: readonly Line[], more: readonly Line[], where: 'before' | 'behind'): Line[] {
  const there = new Set(lines.map((l) => l.event.uid));
  const fresh = more.filter((l) => !there.has(l.event.uid));
  return where === 'before' ? [...fresh, ...lines] : [...lines, ...fresh];
}

/** Columns that say the same in all of at least two lines, and what they say. */
export function equalColumns(lines: readonly Line[], columns: readonly string[]): Map<string, string> {
  const out = new Map<string, string>();
  const first = lines[0];
  if (!first || lines.length < 2) return out;
  for (const c of columns) {
    const value = valuesOf(first.event, c).join(', ');
    if (lines.every((l) => valuesOf(l.event, c).join(', ') === value)) out.set(c, value);
  }
  return out;
}

/** The place of the next line from `at` that passes, or -1. */
export function nextAt(
  lines: readonly Line[],
  at: number,
  step: 1 | -1,
  wanted?: (e: LogEvent) => boolean,
): number {
  for (let i = at + step; i >= 0 && i < lines.length; i += step) {
    const line = lines[i];
    if (line && (!wanted || wanted(line.event))) return i;
  }
  return -1;
}
