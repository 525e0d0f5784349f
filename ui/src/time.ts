/**
 * Points and ranges of time: what is typed, what is shown, and how a range moves.
 * Not: who keeps the range (url.ts).
 */

export type Zone = 'utc' | 'local';
export interface Range {
  from: string;
  to: string;
}
export interface Span {
  from: number;
  to: number;
}

const UNIT: Record<string, number> = { s: 1e3, m: 6e4, h: 36e5, d: 864e5, w: 6048e5 };

const UNIT_NAME: Record<string, string> = { s: 'second', m: 'minute', h: 'hour', d: 'day', w: 'week' };

/** The ranges that are offered, shortest first. */
export const PRESETS: readonly (readonly [string, string])[] = [
  ['5m', 'Last 5 minutes'],
  ['15m', 'Last 15 minutes'],
  ['1h', 'Last hour'],
  ['4h', 'Last 4 hours'],
  ['12h', 'Last 12 hours'],
  ['24h', 'Last 24 hours'],
  ['7d', 'Last 7 days'],
  ['30d', 'Last 30 days'],
];

/** Widths of one bar of a histogram, in milliseconds. */
export const STEPS: readonly number[] = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 10800, 21600, 43200, 86400, 604800, 2592000,
].map((s) => s * 1000);

/** The smallest step that makes at most `bars` bars. */
export function stepFor(range: Span, bars: number): number {
  return STEPS.find((s) => (range.to - range.from) / s <= bars) ?? 2592000_000;
}

/** The point that a text means, in milliseconds; NaN if it means none. A time without a zone is in `zone`. */
export function point(text: string, now: number, zone: Zone = 'utc'): number {
  const t = text.trim();
  const relative = /^now(?:\s*-\s*((?:\d+(?:\.\d+)?[smhdw])+))?$/i.exec(t);
  if (relative) {
    let back = 0;
    for (const [, n, unit] of (relative[1] ?? '').matchAll(/(\d+(?:\.\d+)?)([smhdw])/gi)) {
      back += Number(n) * (UNIT[(unit ?? '').toLowerCase()] ?? 0);
    }
    return now - back;
  }
  if (/^\d{10}$/.test(t)) return Number(t) * 1000;
  if (/^\d{13}$/.test(t)) return Number(t);
  const at = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d(?:[.,]\d+)?)?)?\s*(Z|[+-]\d\d:?\d\d)?$/i.exec(t);
  if (!at) return Number.NaN;
  const [, day, minute = '00:00', second = ':00', offset] = at;
  const written = `${day}T${minute}${second.replace(',', '.')}`;
  if (offset) return Date.parse(written + offset.toUpperCase().replace(/^([+-]\d\d)(\d\d)$/, '$1:$2'));
  return Date.parse(zone === 'utc' ? `${written}Z` : written);
}

export function isRelative(text: string): boolean {
  return /^now/i.test(text.trim());
}

/** The range in milliseconds, or null if one end means nothing or it ends before it begins. */
export function resolve(range: Range, now: number): Span | null {
  const from = point(range.from, now);
  const to = point(range.to, now);
  return from < to ? { from, to } : null;
}

/** For addresses and the server. */
export function iso(ms: number): string {
  return new Date(Math.round(ms)).toISOString();
}

export function absolute(span: Span): Range {
  return { from: iso(span.from), to: iso(span.to) };
}

/** Half a range earlier (-1) or later (1). */
export function shift(span: Span, direction: -1 | 1): Range {
  const half = ((span.to - span.from) / 2) * direction;
  return absolute({ from: span.from + half, to: span.to + half });
}

/** From a relative range to the next preset; from an absolute one to twice its length around the middle. */
export function zoomOut(range: Range, span: Span, now: number): Range {
  const length = span.to - span.from;
  if (range.to.trim() === 'now' && isRelative(range.from)) {
    const next = PRESETS.find(([k]) => now - point(`now-${k}`, now) > length * 1.2);
    return next ? { from: `now-${next[0]}`, to: 'now' } : { from: iso(now - 2 * length), to: 'now' };
  }
  return absolute({
    from: span.from - length / 2,
    to: Math.min(span.to + length / 2, Math.max(now, span.to)),
  });
}

const pad = (n: number, width = 2) => String(n).padStart(width, '0');

function parts(ms: number, zone: Zone) {
  const d = new Date(ms);
  const t = zone === 'utc' ? d : new Date(ms - d.getTimezoneOffset() * 6e4);
  return {
    day: `${t.getUTCFullYear()}-${pad(t.getUTCMonth() + 1)}-${pad(t.getUTCDate())}`,
    minute: `${pad(t.getUTCHours())}:${pad(t.getUTCMinutes())}`,
    second: pad(t.getUTCSeconds()),
    ms: pad(t.getUTCMilliseconds(), 3),
  };
}

export type Style = 'day' | 'minute' | 'time' | 'ms' | 'dayMinute' | 'full';

/** A point as text: `21:04:30`, `2026-11-29 21:04`. */
export function stamp(ms: number, style: Style, zone: Zone): string {
  if (!Number.isFinite(ms)) return '–';
  const p = parts(ms, zone);
  switch (style) {
    case 'day':
      return p.day;
    case 'minute':
      return p.minute;
    case 'time':
      return `${p.minute}:${p.second}`;
    case 'ms':
      return `${p.minute}:${p.second}.${p.ms}`;
    case 'dayMinute':
      return `${p.day} ${p.minute}`;
    case 'full':
      return `${p.day} ${p.minute}:${p.second}`;
  }
}

/** The digits behind the second of a written time, as many as are wanted: `.123456`. */
export function fraction(written: string, digits: number): string {
  const found = /\.(\d+)/.exec(written)?.[1] ?? '';
  return `.${found.padEnd(digits, '0').slice(0, digits)}`;
}

/** The name of a range: a preset, or both ends. */
export function rangeName(range: Range, now: number, zone: Zone): string {
  const preset = range.to === 'now' && PRESETS.find(([k]) => range.from === `now-${k}`);
  if (preset) return preset[1];
  const last = range.to === 'now' && /^now-(\d+)([smhdw])$/.exec(range.from);
  if (last)
    return `Last ${Number(last[1]) === 1 ? '' : `${last[1]} `}${UNIT_NAME[last[2] ?? '']}${Number(last[1]) === 1 ? '' : 's'}`;
  const span = resolve(range, now);
  if (!span) return 'Not a range';
  if (isRelative(range.from)) return `${range.from} – ${range.to}`;
  const fine = span.to - span.from < 36e5;
  const start = stamp(span.from, fine ? 'full' : 'dayMinute', zone);
  if (range.to === 'now') return `since ${start}`;
  const sameDay = stamp(span.from, 'day', zone) === stamp(span.to, 'day', zone);
  const end = stamp(span.to, sameDay ? (fine ? 'time' : 'minute') : fine ? 'full' : 'dayMinute', zone);
  return `${start} – ${end}`;
}
