/** What this browser remembers of its reader: the look, never a query's result. */
import { effect, type Signal, signal } from '@preact/signals';
import type { Zone } from './time';

const PREFIX = 'loggr.';

function read<T>(key: string, initial: T): T {
  try {
    const kept = localStorage.getItem(PREFIX + key);
    return kept === null ? initial : (JSON.parse(kept) as T);
  } catch {
    return initial; // a private window, or something else wrote it
  }
}

/** A signal that is kept under a name. */
function kept<T>(key: string, initial: T): Signal<T> {
  const it = signal<T>(read(key, initial));
  let first = true;
  effect(() => {
    const value = it.value;
    if (first) {
      first = false;
      return;
    }
    try {
      localStorage.setItem(PREFIX + key, JSON.stringify(value));
    } catch {
      // not kept: the page works without
    }
  });
  return it;
}

export const DEFAULT_COLUMNS: readonly string[] = ['host', 'app'];

export const zone = kept<Zone>('zone', 'utc');
export const clock = kept<'received' | 'reported'>('clock', 'received');
export const micros = kept('micros', false);
export const wrap = kept('wrap', false);
export const dense = kept('dense', false);
export const showFields = kept('fields', true);
export const hideEqual = kept('hide-equal', false);
export const openFields = kept<string[]>('open-fields', ['severity', 'app', 'host']);
export const columns = kept<string[]>('columns', [...DEFAULT_COLUMNS]);
export const widths = kept<Record<string, number>>('widths', {});
export const history = kept<string[]>('history', []);
export const theme = kept<'' | 'light' | 'dark'>('theme', '');

/** How many queries are remembered. */
const MAX_HISTORY = 30;

export function remember(query: string): void {
  const q = query.trim();
  if (q) history.value = [q, ...history.value.filter((x) => x !== q)].slice(0, MAX_HISTORY);
}

effect(() => {
  if (typeof document === 'undefined') return;
  const root = document.documentElement;
  if (theme.value) root.dataset.theme = theme.value;
  else delete root.dataset.theme;
  root.dataset.dense = dense.value ? '1' : '0';
});

export function toggleTheme(): void {
  const dark = theme.value ? theme.value === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  theme.value = dark ? 'light' : 'dark';
}
