/** Events a second out of counters that only grow: over the last ten seconds of documents. */
import type { Installation } from '../api-types';

const WINDOW_MS = 10000;

interface Sample {
  at: number;
  counts: ReadonlyMap<string, number>;
}

/** The counters of a status, by the name of the node that they are of. */
export function counters(s: Installation): Map<string, number> {
  const out = new Map<string, number>();
  const add = (key: string, n: number) => out.set(key, (out.get(key) ?? 0) + n);
  for (const l of s.listeners) add(nodeId('listener', l.name, l.process), l.accepted);
  for (const h of s.harvests ?? []) add(nodeId('harvest', h.name, h.process), h.accepted);
  for (const x of s.exchanges) add(nodeId('exchange', x.name, x.process), x.published);
  for (const m of s.machines) add(nodeId('machine', m.name, m.process), m.received);
  for (const h of s.ships) add(nodeId('ship', h.name, h.process), h.stored);
  return out;
}

export function nodeId(kind: string, name: string, process?: string | null): string {
  return `${kind} ${name} ${process ?? ''}`;
}

export class Rates {
  private samples: Sample[] = [];

  add(at: number, counts: ReadonlyMap<string, number>): void {
    this.samples = [...this.samples.filter((s) => at - s.at <= WINDOW_MS), { at, counts }];
  }

  /** Undefined until there are two samples; a counter that began anew says nothing either. */
  of(key: string): number | undefined {
    const first = this.samples[0];
    const last = this.samples.at(-1);
    const a = first?.counts.get(key);
    const b = last?.counts.get(key);
    if (!first || !last || first === last || a === undefined || b === undefined || b < a) return undefined;
    return ((b - a) / (last.at - first.at)) * 1000;
  }
}
