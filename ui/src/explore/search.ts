/**
 * One search and what it found: rows, bars, fields. A new search ends the requests of the one before.
 * Not: what is shown of it, nor the live tail (tail.ts).
 */
import { batch, computed, signal } from '@preact/signals';
import { get, isAbort, me, serverNow } from '../api';
import type { Answer, FieldsAnswer, HistogramAnswer, SearchAnswer, TopAnswer } from '../api-types';
import { grade, isSeverity } from '../list/event';
import { join, type Line, linesOf } from '../list/rows';
import { bareName } from '../query/rewrite';
import { iso, resolve, type Span, stepFor } from '../time';
import { route } from '../url';

/** Rows that are asked for at a time. */
const PAGE = 200;
/** Rows that are held; what is older is asked for again. */
export const MAX_HELD = 20000;
/** Values that are shown of a field at first, and after “more”. */
export const FEW = 5;
export const MANY = 50;
/** Characters of a message that are sent with a row. */
const MAX_MESSAGE = 16384;

/** So long a query may take that the reader wants whole. */
const PATIENT_SECONDS = 600;

/** What a search was asked. */
export interface Question {
  q: string;
  store: string;
  span: Span;
  /** The question that this one counts again, later. */
  again?: Question;
}

export interface Found extends Partial<Answer> {
  question: Question;
  lines: Line[];
  cursor?: string | null;
  more: boolean;
}

export const found = signal<Found | null>(null);
export const failure = signal<unknown>(null);
/** When the running search began; 0 if none runs. */
export const runningSince = signal(0);
export const loadingMore = signal(false);
/** The bars, and of which question they are: its range moves on while the tail is followed. */
export const bars = signal<(HistogramAnswer & { question: Question }) | null>(null);
export const barsFailure = signal<unknown>(null);
/** The fields of the hits, and of which question they are: they may come before its rows. */
export const fields = signal<(FieldsAnswer & { question: Question }) | null>(null);
export const tops = signal<ReadonlyMap<string, TopAnswer>>(new Map());
/** Uids of the rows that are selected. */
export const selected = signal<ReadonlySet<string>>(new Set());
/** Uid of the row that the keys are at. */
export const current = signal('');

/** How many events there are in all, and up to when they were counted; undefined while nobody knows. */
export const counted = computed(() => {
  const f = found.value;
  if (!f) return undefined;
  const b = bars.value;
  if (b && !b.partial && sameQuestion(b.question, f.question))
    return { events: b.total, at: b.question.span.to };
  const of = fields.value;
  if (of && sameQuestion(of.question, f.question)) return { events: of.matched, at: of.question.span.to };
  return f.more ? undefined : { events: f.lines.length, at: f.question.span.to };
});

/** While the tail is followed, the range moves on, and the question stays. */
export function sameQuestion(a: Question, b: Question | undefined): boolean {
  return (a.again ?? a) === b;
}

let running: AbortController | null = null;
let barsRunning: AbortController | null = null;
let countRunning: AbortController | null = null;
/** What is asked about fields and their values, of the question whose rows are shown. */
let fieldsRunning: AbortController | null = null;

/** The parameters of a question. */
export function parameters(question: Question) {
  return {
    q: question.q,
    from: iso(question.span.from),
    to: iso(question.span.to),
    store: question.store,
  };
}

/** The question that the address asks now; null where its range is none. */
export function asked(): Question | null {
  const r = route.peek();
  const span = resolve(r, serverNow());
  return span && { q: r.q, store: r.store, span };
}

/** Ends what runs, because nobody waits for it any more. */
export function cancel(): void {
  running?.abort();
  barsRunning?.abort();
  countRunning?.abort();
  fieldsRunning?.abort();
  running = null;
  runningSince.value = 0;
}

/** Searches for what the address says. `patient`: as long as the server allows. */
export async function search(patient = false): Promise<void> {
  cancel();
  const question = asked();
  if (!question) {
    failure.value = new Error('the range ends before it begins');
    return;
  }
  const mine = new AbortController();
  running = mine;
  batch(() => {
    runningSince.value = Date.now();
    failure.value = null;
    selected.value = new Set();
  });
  // The server holds it to its own limit.
  const timeout = patient ? `${me.peek()?.limits?.timeout_seconds ?? PATIENT_SECONDS}s` : undefined;
  const base = { ...parameters(question), timeout };
  void loadBars(question, timeout);
  try {
    const answer = await get<SearchAnswer>(
      'search',
      { ...base, limit: PAGE, highlight: 1, max_message: MAX_MESSAGE },
      mine.signal,
    );
    const lines = linesOf(answer.events, answer.matches);
    batch(() => {
      found.value = { ...answer, question, lines };
      current.value = lines.some((l) => l.event.uid === current.peek()) ? current.peek() : '';
    });
  } catch (error) {
    if (isAbort(error)) return;
    failure.value = error;
  }
  if (running === mine) {
    running = null;
    runningSince.value = 0;
    if (!failure.peek()) void loadFields(question, timeout);
  }
}

/** Values are counted when a question has stood for so long: who types on does not wait for it. */
const STANDS_MS = 800;

/** Counts the fields, after the rows, which are waited for; then, after a while, their different values. */
async function loadFields(question: Question, timeout: string | undefined): Promise<void> {
  fieldsRunning?.abort();
  const mine = new AbortController();
  fieldsRunning = mine;
  const base = { ...parameters(question), timeout };
  try {
    const answer = await get<FieldsAnswer>('fields', base, mine.signal);
    batch(() => {
      fields.value = { ...answer, question };
      tops.value = new Map();
      topsRunning.clear();
    });
    await new Promise((stands) => setTimeout(stands, STANDS_MS));
    if (mine.signal.aborted) return;
    const counted = await get<FieldsAnswer>('fields', { ...base, distinct: 1 }, mine.signal);
    if (fields.peek()?.question === question) fields.value = { ...counted, question };
  } catch {
    // the list of fields stays as it was; the search itself has said what is wrong
  }
}

/** Fetches the page behind the last row. */
export async function more(): Promise<void> {
  const before = found.peek();
  if (!before?.more || !before.cursor || loadingMore.peek() || running) return;
  loadingMore.value = true;
  try {
    const answer = await get<SearchAnswer>('search', {
      ...parameters(before.question),
      limit: PAGE,
      highlight: 1,
      max_message: MAX_MESSAGE,
      cursor: before.cursor,
    });
    const now = found.peek();
    if (now?.question === before.question) {
      found.value = {
        ...now,
        lines: join(now.lines, linesOf(answer.events, answer.matches), 'behind'),
        cursor: answer.cursor,
        more: answer.more,
      };
    }
  } catch (error) {
    if (!isAbort(error)) failure.value = error;
  } finally {
    loadingMore.value = false;
  }
}

/** From this time on, bars are fetched piece by piece, newest first. */
const SLOW_MS = 700;
const SLICES = 6;
const MAX_BARS = 90;

/**
 * Fetches the bars: all at once, or piece by piece where that takes long. `quiet`: what is shown stays
 * until the last piece is there.
 */
export async function loadBars(
  question = found.peek()?.question ?? asked(),
  timeout?: string,
  quiet = false,
): Promise<void> {
  if (!question) return;
  barsRunning?.abort();
  const mine = new AbortController();
  barsRunning = mine;
  const width = stepFor(question.span, MAX_BARS);
  const base = { ...parameters(question), by: bareName(route.peek().by), width: `${width / 1000}s`, timeout };
  barsFailure.value = null;
  try {
    const whole = new AbortController();
    const stop = () => whole.abort();
    mine.signal.addEventListener('abort', stop);
    const slow = setTimeout(stop, SLOW_MS);
    try {
      bars.value = {
        ...named(await get<HistogramAnswer>('histogram', base, whole.signal)),
        question,
      };
      return;
    } catch (error) {
      if (!isAbort(error) || mine.signal.aborted) throw error;
    } finally {
      clearTimeout(slow);
    }
    await slices(question, base, width, mine.signal, quiet);
  } catch (error) {
    if (!isAbort(error)) barsFailure.value = error;
  }
}

async function slices(
  question: Question,
  base: Record<string, string | undefined>,
  width: number,
  signal: AbortSignal,
  quiet: boolean,
): Promise<void> {
  const length = Math.max(1, Math.ceil((question.span.to - question.span.from) / width / SLICES)) * width;
  let so: HistogramAnswer | null = null;
  let to = question.span.to;
  while (to > question.span.from) {
    const from = Math.max(question.span.from, Math.floor((to - length) / width) * width);
    const part = named(
      await get<HistogramAnswer>('histogram', { ...base, from: iso(from), to: iso(to) }, signal),
    );
    so = so ? merge(so, part) : part;
    const partial = from > question.span.from;
    if (!quiet || !partial) bars.value = { ...so, partial, question };
    to = from;
  }
}

/**
 * The bars with a name for every count: the server names the values and the rest, and counts events
 * without the field behind them.
 */
export function named(answer: HistogramAnswer): HistogramAnswer {
  const most = Math.max(answer.series.length, ...answer.buckets.map((b) => b.counts.length));
  const series = [...answer.series];
  while (series.length < most) series.push(null);
  return series.every((s) => s !== null && isSeverity(s))
    ? byGrade({ ...answer, series })
    : { ...answer, series };
}

/** Severities stand in their order, whichever is the most frequent. */
function byGrade(answer: HistogramAnswer): HistogramAnswer {
  const order = answer.series.map((_, i) => i);
  order.sort((a, b) => grade(answer.series[a] ?? '') - grade(answer.series[b] ?? ''));
  return {
    ...answer,
    series: order.map((i) => answer.series[i] ?? null),
    buckets: answer.buckets.map((b) => ({ ...b, counts: order.map((i) => b.counts[i] ?? 0) })),
  };
}

/** Bars of two neighbouring ranges; a value that one of them does not name counts as another one. */
export function merge(a: HistogramAnswer, b: HistogramAnswer): HistogramAnswer {
  const names = a.series.filter((s) => s !== null);
  const rest = names.length;
  const most = Math.max(a.series.length, b.series.length, rest + 1);
  const series = [...names, ...new Array<null>(most - rest).fill(null)];
  const place = (from: HistogramAnswer, i: number) => {
    const name = from.series[i] ?? null;
    if (name !== null) return names.includes(name) ? names.indexOf(name) : rest;
    // The last is of events without the field.
    return from.without && i === from.series.length - 1 ? most - 1 : rest;
  };
  const joined = new Map<string, number[]>();
  for (const from of [a, b]) {
    for (const bucket of from.buckets) {
      const sum = joined.get(bucket.start) ?? new Array<number>(most).fill(0);
      bucket.counts.forEach((n, i) => {
        const k = place(from, i);
        sum[k] = (sum[k] ?? 0) + n;
      });
      joined.set(bucket.start, sum);
    }
  }
  const buckets = [...joined].map(([start, counts]) => ({ start, counts }));
  return { ...a, series, buckets, total: a.total + b.total };
}

const topsRunning = new Set<string>();

/** Fetches the top values of a field of the hits. */
export async function loadTop(field: string, limit: number): Promise<void> {
  const question = fields.peek()?.question;
  const key = `${field} ${limit}`;
  if (!question || topsRunning.has(key)) return;
  topsRunning.add(key);
  try {
    const asked = { ...parameters(question), field: bareName(field), limit };
    const answer = await get<TopAnswer>('top', asked, fieldsRunning?.signal);
    if (fields.peek()?.question === question) tops.value = new Map(tops.peek()).set(field, answer);
  } catch {
    // the field stays without values; opening it again asks again
  } finally {
    if (fields.peek()?.question === question) topsRunning.delete(key);
  }
}

/**
 * Counts again what was found, up to now: the bars and the total. For the tail, under which it grows; what
 * is shown stays until the new is there. Gives the question that was asked.
 */
export async function recount(): Promise<Question | null> {
  const f = found.peek();
  if (!f || running) return null;
  const to = serverNow();
  const { span } = f.question;
  const question = { ...f.question, span: { from: to - (span.to - span.from), to }, again: f.question };
  await loadBars(question, undefined, true);
  return question;
}

/** Counts the fields again, and the values of those that are open. */
export async function recountFields(question: Question, open: readonly string[]): Promise<void> {
  countRunning?.abort();
  const mine = new AbortController();
  countRunning = mine;
  try {
    const base = parameters(question);
    const answer = await get<FieldsAnswer>('fields', { ...base, distinct: 1 }, mine.signal);
    const fresh = new Map<string, TopAnswer>();
    for (const field of open) {
      const shown = tops.peek().get(field)?.values.length;
      if (shown === undefined) continue;
      const limit = shown > FEW ? MANY : FEW;
      fresh.set(field, await get<TopAnswer>('top', { ...base, field: bareName(field), limit }, mine.signal));
    }
    const now = found.peek()?.question;
    if (mine.signal.aborted || !sameQuestion(question, now)) return;
    // What was opened meanwhile asks for its values itself.
    batch(() => {
      fields.value = { ...answer, question };
      tops.value = fresh;
      topsRunning.clear();
    });
  } catch {
    // what is shown says of when it is
  }
}

/** The selected lines, oldest first. */
export function picked(): Line[] {
  const chosen = selected.peek();
  return (found.peek()?.lines ?? []).filter((l) => chosen.has(l.event.uid)).reverse();
}

export function selectAll(uids: readonly string[], on: boolean): void {
  const next = new Set(selected.peek());
  for (const uid of uids) {
    if (on) next.add(uid);
    else next.delete(uid);
  }
  selected.value = next;
}
