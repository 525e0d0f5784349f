/**
 * Events over time as stacked bars, drawn in SVG by hand. Drag zooms, a click or Enter zooms into one
 * bar, arrow keys walk over them. Not: where the numbers come from.
 */
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { HistogramAnswer } from '../api-types';
import { int, span as length, many } from '../format';
import { grade } from '../list/event';
import { clean } from '../list/text';
import { zone } from '../prefs';
import { type Span, stamp } from '../time';
import { say } from '../ui/say';
import { type Bars, layout, short, ticks } from './scale';

const LEFT = 34;
const AXIS = 16;
/** Half of the width of a letter of the axis, with room. */
const HALF_LETTER = 3.2;
/** A movement of fewer pixels is a click. */
const CLICK_PX = 4;

export interface HistogramProps {
  answer: HistogramAnswer;
  range: Span;
  by: string;
  onZoom: (from: number, to: number) => void;
}

/** The class that colours a series. */
export function colourClass(answer: HistogramAnswer, by: string, at: number): string {
  const series = answer.series[at] ?? null;
  if (isWithout(answer, at)) return 'cat6';
  if (series === null) return 'cat5';
  return by === 'severity' ? `sev${grade(series)}` : `cat${at % 5}`;
}

/** The last of a field's series is of events that do not have it. */
export function isWithout(answer: HistogramAnswer, at: number): boolean {
  return !!answer.without && answer.series[at] === null && at === answer.series.length - 1;
}

export function seriesName(answer: HistogramAnswer, at: number): string {
  const series = answer.series[at] ?? null;
  if (series !== null) return clean(series, 60) || '(empty)';
  return isWithout(answer, at) ? 'without it' : 'other';
}

export function Histogram({ answer, range, by, onZoom }: HistogramProps) {
  const plot = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState({ w: 0, h: 92 });
  const [at, setAt] = useState(-1);
  const [drag, setDrag] = useState<[number, number] | null>(null);
  useLayoutEffect(() => {
    const el = plot.current;
    if (!el) return;
    const measure = () => setSize({ w: el.clientWidth, h: el.clientHeight });
    const observer = new ResizeObserver(measure);
    observer.observe(el);
    measure();
    return () => observer.disconnect();
  }, []);

  const bars = layout(answer, range);
  const n = bars.counts.length;
  const step = (size.w - LEFT) / n;
  const timeAt = (x: number) => bars.first + ((x - LEFT) / Math.max(1, size.w - LEFT)) * n * bars.width;
  const barAt = (x: number) => Math.max(0, Math.min(n - 1, Math.floor((x - LEFT) / step)));
  const pixel = (ev: PointerEvent) =>
    Math.max(LEFT, Math.min(size.w, ev.clientX - (plot.current?.getBoundingClientRect().left ?? 0)));
  const into = (k: number) => {
    const from = bars.first + k * bars.width;
    if (bars.width > 1000) onZoom(Math.max(range.from, from), Math.min(range.to, from + bars.width));
  };
  const show = (k: number) => {
    setAt(k);
    const t = bars.first + k * bars.width;
    say(`${stamp(t, 'time', zone.peek())}: ${many(bars.sums[k] ?? 0, 'event')}`);
  };
  const onKeyDown = (ev: KeyboardEvent) => {
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: n - 1 }[ev.key];
    if (to !== undefined) {
      ev.preventDefault();
      show(at < 0 ? n - 1 : Math.max(0, Math.min(n - 1, to)));
    } else if (ev.key === 'Enter' && at >= 0) {
      ev.preventDefault();
      into(at);
    }
  };
  const onUp = (ev: PointerEvent) => {
    if (!drag) return;
    const x = pixel(ev);
    setDrag(null);
    if (Math.abs(x - drag[0]) > CLICK_PX) {
      const [a, b] = [timeAt(Math.min(x, drag[0])), timeAt(Math.max(x, drag[0]))];
      onZoom(Math.max(range.from, a), Math.min(range.to, b));
    } else if (bars.sums[barAt(x)]) into(barAt(x));
  };

  return (
    <div
      ref={plot}
      class="plot"
      tabIndex={0}
      role="group"
      aria-label={`Histogram: ${many(answer.total, 'event')}, at most ${Math.max(0, ...bars.sums)} in ${length(bars.width)}. Arrow keys move over the bars, Enter zooms into one.`}
      onPointerMove={(ev) => {
        const x = pixel(ev);
        if (drag) setDrag([drag[0], x]);
        else setAt(barAt(x));
      }}
      onPointerDown={(ev) => {
        if (ev.button !== 0) return;
        const x = pixel(ev);
        setDrag([x, x]);
        plot.current?.setPointerCapture(ev.pointerId);
      }}
      onPointerUp={onUp}
      onPointerCancel={() => setDrag(null)}
      onPointerLeave={() => setAt(-1)}
      onBlur={() => setAt(-1)}
      onKeyDown={onKeyDown}
    >
      {size.w > LEFT && (
        <Picture
          bars={bars}
          answer={answer}
          range={range}
          by={by}
          w={size.w}
          h={size.h}
          at={at}
          drag={drag}
        />
      )}
      {drag && Math.abs(drag[1] - drag[0]) > CLICK_PX ? (
        <Tip x={drag[1]} w={size.w}>
          <b>
            {stamp(timeAt(Math.min(...drag)), 'time', zone.value)} –{' '}
            {stamp(timeAt(Math.max(...drag)), 'time', zone.value)}
          </b>
          <div>{length(timeAt(Math.max(...drag)) - timeAt(Math.min(...drag)))}</div>
        </Tip>
      ) : (
        at >= 0 &&
        at < n && <BarTip bars={bars} answer={answer} by={by} at={at} x={LEFT + at * step} w={size.w} />
      )}
    </div>
  );
}

interface PictureProps {
  bars: Bars;
  answer: HistogramAnswer;
  range: Span;
  by: string;
  w: number;
  h: number;
  at: number;
  drag: [number, number] | null;
}

function Picture({ bars, answer, range, by, w, h, at, drag }: PictureProps) {
  const base = h - AXIS;
  const n = bars.counts.length;
  const step = (w - LEFT) / n;
  const high = (v: number) => (v / bars.top) * (base - 6);
  return (
    <svg aria-hidden="true">
      {[0, 0.5, 1].map((f) => (
        <g key={f}>
          <line class="grid" x1={LEFT} x2={w} y1={base - high(bars.top * f)} y2={base - high(bars.top * f)} />
          {f > 0 && (bars.top * f) % 1 === 0 && (
            <text x={LEFT - 6} y={base - high(bars.top * f) + 4} text-anchor="end">
              {short(bars.top * f)}
            </text>
          )}
        </g>
      ))}
      {bars.counts.map((counts, k) => {
        let y = base;
        // The gravest stands on top, where it is seen.
        return counts
          .map((_, s) => counts.length - 1 - s)
          .map((s) => {
            const count = counts[s] ?? 0;
            if (!count) return null;
            const height = Math.max(1, high(count));
            y -= height;
            return (
              <rect
                key={`${k} ${s}`}
                class={colourClass(answer, by, s)}
                x={LEFT + k * step + 0.5}
                y={y}
                width={Math.max(1, step - 1.5)}
                height={height}
              />
            );
          });
      })}
      {ticks(range, bars.width, w, zone.value).map(({ at: t, label }) => {
        const x = LEFT + ((t - bars.first) / bars.width) * step;
        const half = label.length * HALF_LETTER;
        if (x < LEFT + half || x > w - half) return null;
        return (
          <text key={t} x={x} y={h - 2} text-anchor="middle">
            {label}
          </text>
        );
      })}
      {at >= 0 && !drag && <rect class="hov" x={LEFT + at * step} y={0} width={step} height={base} />}
      {drag && (
        <rect class="brush" x={Math.min(...drag)} y={0} width={Math.abs(drag[1] - drag[0])} height={base} />
      )}
    </svg>
  );
}

function Tip({ x, w, children }: { x: number; w: number; children: preact.ComponentChildren }) {
  const left = x + 190 > w ? Math.max(0, x - 176) : x + 14;
  return (
    <div class="tip" style={{ left: `${left}px` }}>
      {children}
    </div>
  );
}

interface BarTipProps {
  bars: Bars;
  answer: HistogramAnswer;
  by: string;
  at: number;
  x: number;
  w: number;
}

function BarTip({ bars, answer, by, at, x, w }: BarTipProps) {
  const t = bars.first + at * bars.width;
  const day = bars.width >= 864e5;
  return (
    <Tip x={x} w={w}>
      <b>
        {day
          ? stamp(t, 'dayMinute', zone.value)
          : `${stamp(t, 'time', zone.value)} – ${stamp(t + bars.width, 'time', zone.value)}`}
      </b>
      <div>{many(bars.sums[at] ?? 0, 'event')}</div>
      {answer.series.map((_, k) => {
        const count = bars.counts[at]?.[k];
        return count ? (
          <div key={k}>
            <span class={`dot sq ${colourClass(answer, by, k)}`} />
            {seriesName(answer, k)}
            <span class="n">{int(count)}</span>
          </div>
        ) : null;
      })}
    </Tip>
  );
}
