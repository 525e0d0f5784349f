/**
 * The address and the state that it holds: read here, written here, nowhere else.
 * It is `#/VIEW/SUB?q=…`: behind the `#`, so that no query reaches a log of a proxy.
 */
import { signal } from '@preact/signals';

export const VIEWS = ['explore', 'patterns', 'status', 'rescue', 'upload', 'settings', 'first'] as const;
export type View = (typeof VIEWS)[number];

export interface Route {
  view: View;
  sub: string;
  q: string;
  from: string;
  to: string;
  /** Columns beside time, severity and message; null: as this browser remembers them. */
  cols: string[] | null;
  /** The field that splits the histogram. */
  by: string;
  /** The row that is open. */
  id: string;
  tail: boolean;
  /** The store that is asked; empty: the configured one. */
  store: string;
  /** The name of a saved search to begin with. */
  saved: string;
  /** The code of the link of a first start. */
  code: string;
}

export const START: Route = {
  view: 'explore',
  sub: '',
  q: '',
  from: 'now-15m',
  to: 'now',
  cols: null,
  by: 'severity',
  id: '',
  tail: false,
  store: '',
  saved: '',
  code: '',
};

const SEARCHES: readonly View[] = ['explore', 'patterns'];

/** The state in an address. Views that do not search keep query and range of `before`. */
export function parse(hash: string, before: Route = START): Route {
  const [path = '', query = ''] = split(hash.replace(/^#\/?/, ''), '?');
  const [name = '', sub = ''] = split(path, '/');
  const view = VIEWS.find((v) => v === name) ?? 'explore';
  const p = new URLSearchParams(query);
  if (view === 'first') return { ...START, view, code: p.get('code') ?? sub };
  const base = { ...before, view, sub: decode(sub), id: '', saved: '', code: '', tail: false };
  if (!SEARCHES.includes(view) || !query) return base;
  return {
    ...base,
    q: p.get('q') ?? '',
    from: p.get('from') || START.from,
    to: p.get('to') || START.to,
    cols: p.has('cols') ? (p.get('cols') ?? '').split(',').filter(Boolean).map(decode) : null,
    by: p.get('by') || START.by,
    id: p.get('id') ?? '',
    tail: p.get('tail') === '1',
    store: p.get('store') ?? '',
    saved: p.get('view') ?? '',
  };
}

/** The address of a state. */
export function format(r: Route): string {
  const p = new URLSearchParams();
  if (SEARCHES.includes(r.view)) {
    if (r.q) p.set('q', r.q);
    p.set('from', r.from);
    p.set('to', r.to);
    if (r.cols) p.set('cols', r.cols.map(escaped).join(','));
    if (r.by !== START.by) p.set('by', r.by);
    if (r.id) p.set('id', r.id);
    if (r.tail) p.set('tail', '1');
    if (r.store) p.set('store', r.store);
    if (r.saved) p.set('view', r.saved);
  }
  if (r.code) p.set('code', r.code);
  const query = p.toString();
  return `#/${r.view}${r.sub ? `/${encodeURIComponent(r.sub)}` : ''}${query ? `?${query}` : ''}`;
}

function split(text: string, at: string): [string, string] {
  const i = text.indexOf(at);
  return i < 0 ? [text, ''] : [text.slice(0, i), text.slice(i + 1)];
}

/** A comma separates columns; a name that has one says it otherwise. */
function escaped(name: string): string {
  return name.replace(/[%,]/g, encodeURIComponent);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export const route = signal<Route>(START);

/** Address of this page with a change; for links. */
export function href(change: Partial<Route>): string {
  return format({ ...route.value, id: '', tail: false, sub: '', ...change });
}

/** Changes the state. A search is a step of Back; what only changes the look replaces the step. */
export function go(change: Partial<Route>, how: 'push' | 'replace' = 'push'): void {
  const next = { ...route.peek(), ...change };
  const address = format(next);
  if (address !== location.hash) {
    if (how === 'push') window.history.pushState(null, '', address);
    else window.history.replaceState(null, '', address);
  }
  route.value = next;
}

/** Reads the address now and whenever Back or a link changes it. */
export function listen(): void {
  const read = () => {
    if (location.hash !== format(route.peek())) route.value = parse(location.hash, route.peek());
  };
  route.value = parse(location.hash);
  window.addEventListener('popstate', read);
  window.addEventListener('hashchange', read);
}
