/** The few numbers of the whole installation that the top bar shows. Asked for seldom. */
import { signal } from '@preact/signals';
import { get, me, offlineSince } from './api';
import type { Installation } from './api-types';
import { howMany } from './status/troubles';

export interface Pulse {
  rate?: number;
  rescued: number;
  troubles: number;
}

export const pulse = signal<Pulse | null>(null);

const EVERY_MS = 10000;
let before: { at: number; received: number } | null = null;

/** Takes a status into account, wherever it came from. */
export function feel(status: Installation): void {
  const received = status.listeners.reduce((n, l) => n + l.accepted, 0);
  const at = Date.now();
  const rate =
    before && at > before.at
      ? Math.max(0, ((received - before.received) / (at - before.at)) * 1000)
      : undefined;
  if (!before || at - before.at > 900) before = { at, received };
  pulse.value = {
    rate: rate ?? pulse.peek()?.rate,
    rescued: Object.values(status.rescue).reduce((a, b) => a + b, 0),
    troubles: howMany(status),
  };
}

/** Asks now and then, while the page is looked at. Returns what ends it. */
export function watch(): () => void {
  const askNow = () => {
    if (document.hidden || offlineSince.peek() || !me.peek() || me.peek()?.restricted) return;
    get<Installation>('status')
      .then(feel)
      .catch(() => undefined); // whoever may not see it has no numbers
  };
  askNow();
  const timer = setInterval(askNow, EVERY_MS);
  return () => clearInterval(timer);
}
