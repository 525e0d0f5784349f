/** What a click or a key does to the search: every one of them changes the address, and that alone. */
import { signal } from '@preact/signals';
import { serverNow } from '../api';
import * as prefs from '../prefs';
import { include, term } from '../query/rewrite';
import { absolute, isRelative, resolve, type Span, shift, zoomOut } from '../time';
import { copy, toast } from '../ui/say';
import { format, go, type Route, route } from '../url';

/** Counts how often the same was asked again, for which the address does not change. */
export const again = signal(0);

/** Asks this. */
export function ask(q: string, more: Partial<Route> = {}): void {
  prefs.remember(q);
  go({ q: q.trim(), id: '', saved: '', ...more });
}

/** Only events in which the field (as a query has it) has the value (null: any), or with `not` those without. */
export function filter(field: string, value: string | null, not = false): void {
  const wanted = term(field, value);
  ask(include(route.peek().q, wanted, not));
  toast(`${not ? 'Without' : 'Only'} ${wanted}`);
}

export function shownColumns(): string[] {
  return route.value.cols ?? prefs.columns.value;
}

export function setColumns(columns: string[]): void {
  prefs.columns.value = columns;
  go({ cols: columns }, 'replace');
}

export function toggleColumn(name: string): void {
  const now = shownColumns();
  setColumns(now.includes(name) ? now.filter((c) => c !== name) : [...now, name]);
}

export function moveColumn(name: string, by: -1 | 1): void {
  const now = [...shownColumns()];
  const at = now.indexOf(name);
  const to = at + by;
  if (at < 0 || to < 0 || to >= now.length) return;
  now.splice(at, 1);
  now.splice(to, 0, name);
  setColumns(now);
}

/** Another range, absolute or not. */
export function setRange(from: string, to: string): void {
  go({ from, to, id: '', tail: route.peek().tail && to === 'now' && isRelative(from) });
}

export function shiftRange(direction: -1 | 1): void {
  const span = resolve(route.peek(), serverNow());
  if (span) go({ ...shift(span, direction), id: '', tail: false });
}

/** The range out of which the reader has zoomed last; what changed can be held against it. */
export const zoomedFrom = signal<Span | null>(null);

export function zoom(from: number, to: number): void {
  zoomedFrom.value = resolve(route.peek(), serverNow());
  go({ ...absolute({ from, to }), id: '', tail: false });
}

export function zoomAway(): void {
  const now = serverNow();
  const span = resolve(route.peek(), now);
  if (span) go({ ...zoomOut(route.peek(), span, now), id: '' });
}

/** The address with its times made absolute, so that it shows the same tomorrow. */
export function permalink(): string {
  const r = route.peek();
  const span = resolve(r, serverNow());
  const fixed = format({ ...r, ...(span ? absolute(span) : {}), cols: shownColumns(), tail: false });
  return location.href.split('#')[0] + fixed;
}

export function copyLink(): void {
  void copy(permalink(), 'the link, with the times made absolute');
}

/** Starts or ends the live tail. */
export function toggleTail(): void {
  const r = route.peek();
  if (r.tail) go({ tail: false }, 'replace');
  else go({ tail: true, to: 'now', from: isRelative(r.from) ? r.from : 'now-15m' }, 'replace');
}
