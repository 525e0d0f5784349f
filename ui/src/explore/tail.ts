/**
 * The live tail: new lines come in at the top only while nobody looks elsewhere; else they wait and
 * are counted. Not: the rows themselves (search.ts).
 */
import { batch, signal } from '@preact/signals';
import { address, feed, serverNow } from '../api';
import type { LogEvent } from '../api-types';
import { join, type Line, linesOf } from '../list/rows';
import { find } from '../list/text';
import { route } from '../url';
import { current, found, loadBars, MAX_HELD, search, selected } from './search';

/** Lines that have come and are not shown yet, newest first. */
export const waiting = signal<Line[]>([]);
/** Events that were left out because there were too many. */
export const skipped = signal(0);
export const paused = signal(false);
export const tailState = signal<'off' | 'connecting' | 'live' | 'ended'>('off');
export const endReason = signal('');
/** Why nothing can be followed just now. */
export const trouble = signal('');
/** The top of the list is in view. */
export const atTop = signal(true);

/** Events a second that the page takes. */
const RATE = 200;
/** How often the bars are fetched again. */
const BARS_MS = 5000;

/** Follows the question of the address. Returns what ends it. */
export function follow(words: () => readonly string[]): () => void {
  let hellos = 0;
  batch(() => {
    tailState.value = 'connecting';
    skipped.value = 0;
    trouble.value = '';
    waiting.value = [];
    paused.value = false;
  });
  const { q, store } = route.peek();
  const end = feed(
    address('tail', { q, store, rate: RATE }),
    {
      hello: () => {
        tailState.value = 'live';
        hellos += 1;
        // After a break, what came in between is in the store.
        if (hellos > 1) void search();
      },
      events: (data) => {
        trouble.value = '';
        arrive((data as { events: LogEvent[] }).events, words());
      },
      skipped: (data) => {
        skipped.value += (data as { events: number }).events;
      },
      trouble: (data) => {
        trouble.value = (data as { detail?: string }).detail ?? '';
      },
      end: (data) => {
        tailState.value = 'ended';
        endReason.value = (data as { reason?: string }).reason ?? '';
        end();
      },
    },
    () => {
      if (tailState.peek() === 'live') tailState.value = 'connecting';
    },
  );
  const bars = setInterval(() => {
    if (!document.hidden && !paused.peek()) void loadBars(refreshed());
  }, BARS_MS);
  return () => {
    end();
    clearInterval(bars);
    batch(() => {
      tailState.value = 'off';
      waiting.value = [];
    });
  };
}

/** The question with its end at now. */
function refreshed() {
  const f = found.peek();
  if (!f) return undefined;
  const length = f.question.span.to - f.question.span.from;
  const to = serverNow();
  return { ...f.question, span: { from: to - length, to } };
}

function arrive(events: readonly LogEvent[], words: readonly string[]): void {
  const lines = linesOf(
    events,
    events.map((e) => find(e.message, words)),
  ).reverse();
  waiting.value = join(waiting.peek(), lines, 'before').slice(0, MAX_HELD);
  const busy =
    !atTop.peek() || paused.peek() || current.peek() || route.peek().id || selected.peek().size > 0;
  if (!busy) show();
}

/** Puts the waiting lines on top. */
export function show(): void {
  const f = found.peek();
  const fresh = waiting.peek();
  if (!f || fresh.length === 0) return;
  const lines = join(f.lines, fresh, 'before');
  batch(() => {
    // What is dropped at the end is found again by a search.
    found.value =
      lines.length > MAX_HELD
        ? { ...f, lines: lines.slice(0, MAX_HELD), more: false, cursor: null }
        : { ...f, lines };
    waiting.value = [];
  });
}
