/** Numbers and lengths of time as people read them. Not: points in time (time.ts). */

const THIN = '\u2009';

/** `1423` as `1 423`, with a thin space. */
export function int(n: number): string {
  return Math.round(n).toLocaleString('en-US').replace(/,/g, THIN);
}

/** A share of 100: `42 %`, `1.6 %`, `< 0.1 %`; `100 %` is all of it. */
export function percent(n: number): string {
  if (!Number.isFinite(n) || n <= 0) return '0 %';
  if (n >= 99.95) return n < 100 ? '> 99.9 %' : '100 %';
  if (n >= 9.95) return `${Math.round(n)} %`;
  return n >= 0.095 ? `${n.toFixed(1)} %` : '< 0.1 %';
}

/** `1 event`, `2 events`. */
export function many(n: number, one: string, more = `${one}s`): string {
  return `${int(n)} ${n === 1 ? one : more}`;
}

/** An error as a sentence of its own: errors begin without a capital letter, because words may stand before them. */
export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1).replace(/\.$/, '');
}

/** `812 B`, `1.4 MB`. */
export function bytes(n: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let value = n;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 99.5 ? int(value) : value.toFixed(1)} ${units[unit]}`;
}

/** Events a second: `1 423`, `0.3`. */
export function rate(n: number): string {
  return n === 0 || n >= 9.95 ? int(n) : n.toFixed(1);
}

/** A length of time in its two largest units: `12 ms`, `3.2 s`, `5 h 52 m`. */
export function span(ms: number): string {
  const s = Math.abs(ms) / 1000;
  if (s < 1) return `${Math.round(s * 1000)} ms`;
  if (s < 59.5) return `${Number(s.toFixed(s < 9.95 ? 1 : 0))} s`;
  if (s < 3570) return `${Math.round(s / 60)} m`;
  if (s < 86370) return two(Math.round(s / 60), 60, 'h', 'm');
  // Hours no longer matter after a month, nor days after years.
  const days = s / 86400;
  if (days < 30) return two(Math.round(s / 3600), 24, 'd', 'h');
  return days < 730 ? `${Math.round(days)} d` : two(Math.round(days), 365, 'y', 'd');
}

/** How long ago: `just now`, `3.2 s ago`. */
export function ago(ms: number): string {
  return ms < 1000 ? 'just now' : `${span(ms)} ago`;
}

function two(n: number, small: number, big: string, little: string): string {
  const rest = n % small;
  return `${Math.floor(n / small)} ${big}${rest ? ` ${rest} ${little}` : ''}`;
}

/** Text without the sign that separates thousands, for the clipboard. */
export function plain(n: number): string {
  return String(Math.round(n));
}
