/** What is wrong in an installation, in sentences. Also for the top bar, so it is small. */
import type { Installation, QueueStatus } from '../api-types';
import { many } from '../format';

export function waitingOf(q: QueueStatus): number {
  return q.waiting ?? q.ready_messages ?? 0;
}

/** The numbers add up, and no event is lost. */
export function holds(s: Installation): boolean {
  return s.totals.balanced && !s.totals.damaged;
}

/** How much is wrong; a balance that does not hold is a trouble, too. */
export function howMany(s: Installation): number {
  return troubles(s).length + (holds(s) ? 0 : 1);
}

/** The rescue has a sign of its own in the top bar, and a view. */
const RESCUED = 'the rescue holds ';

/** The sentences of `loggr status`; of a shipper that fails also how many events wait for it. */
export function troubles(s: Installation): string[] {
  return s.troubles.filter((said) => !said.startsWith(RESCUED)).map((said) => plain(said) + kept(s, said));
}

/** Without the numbers that the operating system has for its errors. */
export function plain(said: string): string {
  return said.replace(/ \(os error \d+\)/g, '');
}

function kept(s: Installation, said: string): string {
  const ship = s.ships.find((h) => h.failing && said.startsWith(`shipper \`${h.name}\`: `));
  if (!ship) return '';
  const waits = s.queues.filter((q) => q.name === ship.queue).reduce((n, q) => n + waitingOf(q), 0);
  if (!waits) return '';
  const full = /[.?!]$/.test(said) ? '' : '.';
  return `${full} Nothing is lost: ${many(waits, 'event')} wait${waits === 1 ? 's' : ''} in queue \`${ship.queue}\``;
}
