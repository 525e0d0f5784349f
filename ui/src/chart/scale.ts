/** The arithmetic of a histogram: where bars are, how high, which marks the axes have. */
import type { HistogramAnswer } from '../api-types';
import { type Span, STEPS, stamp, type Zone } from '../time';

export interface Bars {
  /** Start of the first bar, in milliseconds. */
  first: number;
  width: number;
  /** Counts by bar and by series. */
  counts: number[][];
  sums: number[];
  totals: number[];
  /** The end of the vertical axis. */
  top: number;
}

/** All bars of a range, also those without events, which the server leaves out. */
export function layout(answer: HistogramAnswer, range: Span): Bars {
  const width = Math.max(1, answer.width_ms);
  const starts = answer.buckets.map((b) => Date.parse(b.start));
  const base = starts[0] ?? range.from;
  // Bars lie on a grid through the first of them, whatever its origin is.
  const first = base - Math.ceil((base - range.from) / width) * width;
  const n = Math.min(2000, Math.max(1, Math.ceil((range.to - first) / width)));
  const counts = Array.from({ length: n }, () => new Array<number>(answer.series.length).fill(0));
  answer.buckets.forEach((b, i) => {
    const at = Math.round(((starts[i] ?? 0) - first) / width);
    const bar = counts[at];
    if (bar)
      b.counts.forEach((c, k) => {
        bar[k] = (bar[k] ?? 0) + c;
      });
  });
  const sums = counts.map((c) => c.reduce((a, b) => a + b, 0));
  const totals = answer.series.map((_, k) => counts.reduce((sum, c) => sum + (c[k] ?? 0), 0));
  return { first, width, counts, sums, totals, top: nice(Math.max(1, ...sums)) };
}

/** The next round number that halves well. */
export function nice(max: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, max)));
  const step = [1, 1.2, 1.6, 2, 3, 4, 5, 6, 8, 10].find((s) => s * power >= max) ?? 10;
  return Math.max(1, Math.round(step * power));
}

const MINUTE = 6e4;
const DAY = 864e5;
/** From this length on, a day needs its year. */
const YEAR = 365 * DAY;
/** Between two times on the axis, at the least. */
const TICK_PIXELS = 110;

/** A time on the axis. */
export interface Tick {
  at: number;
  label: string;
}

/** Times to be written under the bars: as short as they can be without two that look alike. */
export function ticks(range: Span, barWidth: number, pixels: number, zone: Zone): Tick[] {
  const most = Math.max(2, pixels / TICK_PIXELS);
  const length = range.to - range.from;
  const every = STEPS.find((s) => s >= barWidth && length / s <= most) ?? barWidth * 12;
  const offset = zone === 'local' ? -new Date(range.from).getTimezoneOffset() * MINUTE : 0;
  const label = (at: number) => {
    const day = stamp(at, 'day', zone);
    if (every >= DAY) return length >= YEAR ? day : day.slice(5);
    const time = stamp(at, every < MINUTE ? 'time' : 'minute', zone);
    return length > DAY ? `${day.slice(5)} ${time}` : time;
  };
  const out: Tick[] = [];
  for (
    let at = Math.ceil((range.from + offset) / every) * every - offset;
    at < range.to && out.length < 100;
    at += every
  ) {
    out.push({ at, label: label(at) });
  }
  return out;
}

/** Short numbers for the axis: `1.2 k`. */
export function short(n: number): string {
  if (n >= 1e9) return `${trim(n / 1e9)} G`;
  if (n >= 1e6) return `${trim(n / 1e6)} M`;
  return n >= 10000 ? `${trim(n / 1e3)} k` : String(n);
}

function trim(n: number): string {
  return n.toFixed(1).replace(/\.0$/, '');
}
