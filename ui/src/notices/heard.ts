/**
 * What has changed in the installation while this page was looked at. Notices are not stored anywhere, so
 * the page also says when it did not listen. Not: how they are shown (bell.tsx), nor what is so (status/).
 */
import { signal } from '@preact/signals';
import { feed, serverNow } from '../api';
import { stamp, type Zone } from '../time';
import { say } from '../ui/say';

/** As `/api/notifications` sends it. */
export interface Notice {
  time: string;
  notice: string;
  subject?: string | null;
  text?: string | null;
  process?: { host?: string | null; component?: string | null; name?: string | null } | null;
}

export interface Heard {
  /** Counts up. */
  key: number;
  at: number;
  tone: '' | 'ok' | 'warn' | 'err';
  what: string;
  detail: string;
}

/** The newest first. */
export const heard = signal<readonly Heard[]>([]);
/** Troubles that nobody has looked at. */
export const unread = signal(0);
/** Since when this page listens; 0 while it does not. */
export const since = signal(0);

/** So many are kept; the oldest go first. */
const MOST = 100;
/** A shorter time without ears is not worth a word. */
const GAP_MS = 10_000;
/** When the server had no place, it is asked again after this time. */
const AGAIN_MS = 60_000;

const KIND: Record<string, string> = { ship: 'Shipper', rescue: 'The rescue', process: 'Process' };

/** A notice in words. */
export function worded(n: Notice): Omit<Heard, 'key'> {
  const [kind = '', change = ''] = n.notice.split('.');
  const part = KIND[kind] ?? kind.charAt(0).toUpperCase() + kind.slice(1);
  const process = [n.process?.component, n.process?.name].filter(Boolean).join(' ');
  const name = kind === 'process' ? process : kind === 'rescue' ? '' : (n.subject ?? '');
  const who = name ? `${part} \`${name}\`` : part;
  const at = Date.parse(n.time) || 0;
  const host = n.process?.host ? `on ${n.process.host}` : '';
  const detail = [n.text, host].filter(Boolean).join(', ');
  switch (change) {
    case 'failing':
      return { at, tone: 'err', what: `${who} is in trouble`, detail };
    case 'recovered':
      return { at, tone: 'ok', what: `${who} has recovered`, detail };
    case 'down':
      return { at, tone: 'warn', what: `${who} has stopped listening`, detail };
    case 'up':
      return { at, tone: '', what: `${who} listens`, detail };
    case 'stopped':
      return { at, tone: 'warn', what: `${who} has stopped`, detail };
    case 'started':
      return { at, tone: '', what: `${who} has started`, detail };
    default:
      // Of a newer loggr, which knows more changes.
      return { at, tone: '', what: n.notice || 'Something has changed', detail };
  }
}

let last = 0;

function add(one: Omit<Heard, 'key'>): void {
  last += 1;
  heard.value = [{ ...one, key: last }, ...heard.peek()].slice(0, MOST);
}

/** Takes a notice in. */
export function hear(notice: Notice): void {
  const one = worded(notice);
  add(one);
  if (one.tone !== 'err') return;
  unread.value += 1;
  say(one.what.replaceAll('`', ''));
}

/** Since when nobody listens; 0 while somebody does. */
let deafSince = 0;

function opened(zone: () => Zone): void {
  const now = serverNow();
  if (deafSince && now - deafSince > GAP_MS) {
    const [from, to] = [deafSince, now].map((t) => stamp(t, 'time', zone()));
    const detail = 'The page was in the background or had no connection. Status says what is so now.';
    add({ at: now, tone: '', what: `Not listened from ${from} to ${to}`, detail });
  }
  deafSince = 0;
  if (!since.peek()) since.value = now;
}

/**
 * Listens while the page is looked at: a browser has few connections for all of its pages, and the server
 * few places. Returns what ends it.
 */
export function listen(zone: () => Zone): () => void {
  let end: (() => void) | null = null;
  let again: ReturnType<typeof setTimeout> | undefined;
  const deaf = () => {
    if (since.peek() && !deafSince) deafSince = serverNow();
  };
  const stop = () => {
    clearTimeout(again);
    if (!end) return;
    end();
    end = null;
    deaf();
  };
  const start = () => {
    if (end || document.hidden) return;
    end = feed(
      'api/notifications',
      { message: (data) => hear(data as Notice) },
      (over) => {
        deaf();
        if (!over) return;
        end = null;
        again = setTimeout(start, AGAIN_MS);
      },
      () => opened(zone),
    );
  };
  const turned = () => (document.hidden ? stop() : start());
  document.addEventListener('visibilitychange', turned);
  start();
  return () => {
    document.removeEventListener('visibilitychange', turned);
    stop();
  };
}

/** Forgets what somebody else has heard. */
export function forget(): void {
  heard.value = [];
  unread.value = 0;
  since.value = 0;
  deafSince = 0;
}
