/**
 * The live tail: new lines come in at the top only while nobody looks elsewhere; else they wait and
 * are counted. Not: the rows themselves (search.ts).
 */
import { batch, signal } from '@preact/signals';
import { address, feed } from '../api';
import type { LogEvent } from '../api-types';
import { join, type Line, linesOf } from '../list/rows';
import { find } from '../list/text';
import * as prefs from '../prefs';
import { route } from '../url';
import { current, found, MAX_HELD, recount, recountFields, search, selected } from './search';

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
/** Between two counts of what was found. */
const COUNT_MS = 5000;
/** Between two counts of the fields. */
const FIELDS_MS = 15000;
/** Counting takes one part in so many of the time, at the most. */
const COUNT_SHARE = 10;

/** So much the clocks of server and browser may differ. */
const CLOCKS_MS = 2000;
/** When something has come last. */
let cameAt = 0;

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
        cameAt = Date.now();
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
  const uncount = counting();
  return () => {
    end();
    uncount();
    batch(() => {
      tailState.value = 'off';
      waiting.value = [];
    });
  };
}

/**
 * Counts again and again, the more seldom the longer it takes; the fields more seldom still, and only
 * where something has come since. Returns what ends it.
 */
function counting(): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let over = false;
  let fieldsAt = 0;
  const next = (took: number) => {
    if (!over) timer = setTimeout(() => void turn(), Math.max(COUNT_MS, COUNT_SHARE * took));
  };
  const turn = async () => {
    const begun = Date.now();
    if (!document.hidden && !paused.peek()) {
      const question = await recount();
      const due = fieldsAt < cameAt + CLOCKS_MS && begun - fieldsAt >= FIELDS_MS;
      if (question && due && !over) {
        fieldsAt = begun;
        await recountFields(question, prefs.openFields.peek());
      }
    }
    next(Date.now() - begun);
  };
  cameAt = 0;
  next(0);
  return () => {
    over = true;
    clearTimeout(timer);
  };
}

function arrive(events: readonly LogEvent[], words: readonly string[]): void {
  cameAt = Date.now();
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
