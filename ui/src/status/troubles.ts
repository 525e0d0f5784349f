/** What is wrong in an installation, in sentences. Also for the top bar, so it is small. */
import type { Installation, QueueStatus } from '../api-types';
import { many, span } from '../format';

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

/** What is wrong, in sentences; the same places as `loggr status` names. */
export function troubles(s: Installation): string[] {
  const out: string[] = [];
  const of = (kind: string, name: string, why: string | null | undefined) => {
    if (why) out.push(`${kind} \`${name}\`: ${why}`);
  };
  for (const p of s.processes) {
    if (p.state !== 'running')
      of(
        'process',
        [p.component, p.name].filter(Boolean).join(' ') || p.id,
        `it is ${p.state}, last heard of ${span(p.seen_seconds * 1000)} ago`,
      );
  }
  for (const l of s.listeners) of('listener', l.name, l.ended ?? l.trouble);
  for (const x of s.exchanges) of('exchange', x.name, x.trouble);
  for (const m of s.machines)
    of('machine', m.name, m.ended ?? m.filter_error ?? (m.failing ? 'it cannot pass its events on' : null));
  for (const q of s.queues)
    of('queue', q.name, q.trouble ?? (q.balanced === false ? 'its numbers do not add up' : null));
  for (const h of s.ships) {
    const waits = s.queues.filter((q) => q.name === h.queue).reduce((n, q) => n + waitingOf(q), 0);
    const kept = waits
      ? ` Nothing is lost: ${many(waits, 'event')} wait${waits === 1 ? 's' : ''} in queue \`${h.queue}\``
      : '';
    of('shipper', h.name, h.ended ?? (h.failing ? `${h.last_error ?? 'it cannot write'}.${kept}` : null));
  }
  for (const st of s.stores) of('store', st.name, st.trouble);
  for (const b of s.brokers) of('broker', b.name, b.trouble);
  if (s.problem) out.push(s.problem);
  if (s.rescue_trouble) out.push(`the rescue: ${s.rescue_trouble}`);
  out.push(...(s.access_troubles ?? []));
  return out;
}
