/**
 * The text of an event as it is shown: colours of a terminal gone, what cannot be seen made visible,
 * matches marked. It never makes anything but text.
 */
import type { Match } from '../api-types';

export interface Piece {
  text: string;
  /** The query found it. */
  hit: boolean;
  /** It stands for a character that has no look of its own. */
  odd: boolean;
}

const ANSI = /\u001b(?:\[[0-9;:?<=>]*[ -/]*[@-~]|\][^\u0007\u001b]{0,256}(?:\u0007|\u001b\\)|[@-Z\\-_])/g;
const ODD =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

/** How a character is written that would hide or turn its neighbours. */
export function visible(c: string): string {
  const code = c.charCodeAt(0);
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`;
  return `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
}

/** A value in one string; for titles, and for places without marks. */
export function clean(text: string, limit = 2000): string {
  const cut = text.length > limit ? `${text.slice(0, limit)}…` : text;
  return cut.replace(ANSI, '').replace(ODD, visible);
}

/** The first `limit` characters in pieces. `matches` are places in the text as it came. */
export function pieces(text: string, matches: readonly Match[] = [], limit = 2000): Piece[] {
  const end = Math.min(text.length, limit);
  const out: Piece[] = [];
  let at = 0;
  const plain = (to: number, hit: boolean) => {
    if (to > at) split(text.slice(at, to), hit, out);
    at = Math.max(at, to);
  };
  for (const [from, to] of [...matches].sort((a, b) => a[0] - b[0])) {
    if (from >= end) break;
    plain(Math.min(from, end), false);
    plain(Math.min(to, end), true);
  }
  plain(end, false);
  if (text.length > limit) out.push({ text: '…', hit: false, odd: false });
  return out;
}

function split(text: string, hit: boolean, out: Piece[]): void {
  const bare = text.replace(ANSI, '');
  let at = 0;
  for (const m of bare.matchAll(ODD)) {
    if (m.index > at) out.push({ text: bare.slice(at, m.index), hit, odd: false });
    out.push({ text: visible(m[0]), hit, odd: true });
    at = m.index + 1;
  }
  if (at < bare.length) out.push({ text: bare.slice(at), hit, odd: false });
}

/** Where the words of a query are in a text that the server has not marked. Case does not matter. */
export function find(text: string, words: readonly string[]): Match[] {
  const low = text.slice(0, 20000).toLowerCase();
  const out: Match[] = [];
  for (const word of words) {
    const w = word.toLowerCase();
    if (!w) continue;
    for (let i = low.indexOf(w); i >= 0 && out.length < 200; i = low.indexOf(w, i + w.length)) {
      out.push([i, i + w.length]);
    }
  }
  return out;
}

/** Longest message that is read as JSON. */
const MAX_JSON = 1 << 20;

/** The object or list that a message is, or undefined. */
export function jsonOf(message: string): unknown {
  const text = message.startsWith('@cee:') ? message.slice(5).trimStart() : message;
  const first = text[0];
  if ((first !== '{' && first !== '[') || text.length > MAX_JSON) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined; // also where it is nested too deep to be read
  }
}

/** `key=value` of a flat object, for one line; null where the message says more than that can show. */
export function flatJson(message: string): [string, string][] | null {
  if (!message.startsWith('{') || message.length > 4000) return null;
  const value = jsonOf(message);
  if (value === undefined || Array.isArray(value)) return null;
  const all = Object.entries(value as Record<string, unknown>);
  if (all.length === 0 || all.length > 40) return null;
  return all.map(([k, v]) => [k, typeof v === 'string' ? v : (JSON.stringify(v) ?? 'null')]);
}

/** A `key=value` with the places in both that the query found. */
export interface Pair {
  key: string;
  value: string;
  inKey: Match[];
  inValue: Match[];
}

/**
 * The pairs of a flat object; null where it is none, or where what was found can only be shown in the
 * text as it came.
 */
export function flatPairs(message: string, matches: readonly Match[]): Pair[] | null {
  const json = flatJson(message);
  if (!json) return null;
  const words = [...new Set(matches.map(([from, to]) => message.slice(from, to)))];
  const pairs = json.map(([key, value]) => ({
    key,
    value,
    inKey: find(key, words),
    inValue: find(value, words),
  }));
  const shown = pairs.some((p) => p.inKey.length + p.inValue.length > 0);
  return words.length === 0 || shown ? pairs : null;
}
