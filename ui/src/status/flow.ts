/**
 * The picture of an installation: what flows where, in columns. Made of the names that its parts give
 * each other. Not: how it is drawn.
 */
import type { FilesStatus, Installation, QueueStatus } from '../api-types';
import { bytes, int, many, span } from '../format';
import { nodeId } from './rates';
import { plain, waitingOf } from './troubles';

export type Trouble = '' | 'warn' | 'err';

export interface Node {
  id: string;
  kind: 'listener' | 'harvest' | 'exchange' | 'machine' | 'queue' | 'ship';
  name: string;
  what: string;
  note: string;
  state: Trouble;
  /** How many events wait; other nodes have a rate instead. */
  waiting?: number;
}

export interface Edge {
  from: string;
  to: string;
  state: Trouble;
}

export interface Flow {
  columns: { title: string; nodes: Node[] }[];
  edges: Edge[];
}

/** A queue backs up when its oldest event has waited for so long. */
const SLOW_SECONDS = 30;
/** Machines behind each other that are drawn in columns of their own. */
const MAX_LEVELS = 12;

const TITLE = {
  listener: 'Listeners',
  harvest: 'Harvests',
  exchange: 'Exchange',
  machine: 'Machines',
  queue: 'Queues',
  ship: 'Shippers',
};

export function flow(s: Installation): Flow {
  const nodes: Node[] = [];
  const edges: Edge[] = [];
  const level = new Map<string, number>();
  const fed = new Set(s.machines.map((m) => m.destination));
  const roots = s.exchanges.filter((x) => !fed.has(x.name));
  const first = roots.length ? roots : s.exchanges;
  const names = new Set(s.exchanges.map((x) => x.name));
  const idsOf = (kind: Node['kind'], name: string) =>
    nodes.filter((n) => n.kind === kind && n.name === name).map((n) => n.id);

  for (const l of s.listeners) {
    const state = l.ended ? 'err' : l.trouble || l.stalled || l.kernel_drops ? 'warn' : '';
    const note = l.ended ?? l.trouble ?? (l.stalled ? 'its queue takes nothing' : '');
    nodes.push({
      id: nodeId('listener', l.name, l.process),
      kind: 'listener',
      name: l.name,
      what: l.address ? `${l.protocol} · ${l.address}` : 'files, over HTTP',
      note:
        note ||
        (l.kernel_drops
          ? many(l.kernel_drops, 'kernel drop')
          : [
              l.files ? followed(l.files) : l.connections && many(l.connections, 'connection'),
              took(l, 'to disk'),
            ]
              .filter(Boolean)
              .join(', ')),
      state,
    });
  }
  for (const h of s.harvests ?? []) {
    nodes.push({
      id: nodeId('harvest', h.name, h.process),
      kind: 'harvest',
      name: h.name,
      what: `harvest · ${h.directory}`,
      note:
        h.ended ??
        h.trouble ??
        (h.stalled ? 'its queue takes nothing' : `${many(h.waiting + h.in_hand, 'file')} to be read`),
      state: h.ended ? 'err' : h.trouble || h.stalled ? 'warn' : '',
    });
  }
  for (const x of s.exchanges) {
    const share = x.max_bytes ? x.disk_bytes / x.max_bytes : 0;
    nodes.push({
      id: nodeId('exchange', x.name, x.process),
      kind: 'exchange',
      name: x.name,
      what: `exchange, ${bytes(x.disk_bytes)} on disk`,
      note: x.trouble ?? (share > 0.8 ? `${Math.round(share * 100)} % of its limit` : ''),
      state: x.trouble ? 'err' : share > 0.8 ? 'warn' : '',
    });
  }
  const inner = new Map(s.machines.map((m) => [m.queue, m.name]));
  for (const m of s.machines) {
    const queue = s.queues.find((q) => q.name === m.queue);
    const waits = queue ? waitingOf(queue) : 0;
    nodes.push({
      id: nodeId('machine', m.name, m.process),
      kind: 'machine',
      name: m.name,
      what: m.filter ? m.filter.replace(/^.*\//, '') : 'no filter',
      note:
        m.ended ??
        m.filter_error ??
        (waits ? `${int(waits)} waiting` : m.rules?.length ? many(m.rules.length, 'rule') : ''),
      state: m.ended || m.failing ? 'err' : m.filter_error || slow(queue) ? 'warn' : '',
    });
  }
  // In the order of those who take from them, so that lines do not cross.
  const taker = (q: QueueStatus) => s.ships.findIndex((h) => h.queue === q.name);
  for (const q of [...s.queues].sort((a, b) => taker(a) - taker(b))) {
    if (inner.has(q.name)) continue;
    nodes.push({
      id: nodeId('queue', q.name, q.process),
      kind: 'queue',
      name: q.name,
      what:
        q.exchange === 'spool'
          ? 'spool'
          : `from ${names.has(q.exchange) ? q.exchange : (first[0]?.name ?? q.exchange)}`,
      note:
        q.trouble ??
        (q.oldest_seconds
          ? `oldest ${span(q.oldest_seconds * 1000)}`
          : q.consumers === 0
            ? 'nobody takes from it'
            : 'empty'),
      state: q.trouble || q.balanced === false ? 'err' : slow(q) ? 'warn' : '',
      waiting: waitingOf(q),
    });
  }
  for (const h of s.ships) {
    nodes.push({
      id: nodeId('ship', h.name, h.process),
      kind: 'ship',
      name: h.name,
      what: h.kind,
      note:
        h.ended ??
        (h.failing
          ? plain(h.last_error ?? 'it cannot write')
          : took(h, h.forward ? 'until it is answered' : 'until it is stored')),
      state: h.ended || h.failing ? 'err' : '',
    });
  }

  const join = (from: string, to: string, state: Trouble) => edges.push({ from, to, state });
  for (const [kind, sources] of [
    ['listener', s.listeners],
    ['harvest', s.harvests ?? []],
  ] as const) {
    for (const l of sources)
      for (const x of first)
        join(nodeId(kind, l.name, l.process), nodeId('exchange', x.name, x.process), l.stalled ? 'warn' : '');
  }
  for (const q of s.queues) {
    const named = idsOf('exchange', q.exchange);
    // Where a machine has nothing to do, the queue is bound to what the machine would take from.
    const from =
      named.length || q.exchange === 'spool'
        ? named
        : first.map((x) => nodeId('exchange', x.name, x.process));
    for (const x of from) {
      for (const m of s.machines.filter((it) => it.queue === q.name)) {
        join(x, nodeId('machine', m.name, m.process), slow(q) ? 'warn' : '');
      }
      if (!inner.has(q.name)) join(x, nodeId('queue', q.name, q.process), slow(q) ? 'warn' : '');
    }
  }
  for (const m of s.machines) {
    for (const x of idsOf('exchange', m.destination))
      join(nodeId('machine', m.name, m.process), x, m.failing ? 'err' : '');
  }
  for (const h of s.ships) {
    for (const q of idsOf('queue', h.queue))
      join(q, nodeId('ship', h.name, h.process), h.failing || h.ended ? 'err' : '');
  }

  // Each node stands behind all that it gets from; a loop ends at the limit.
  for (const n of nodes) level.set(n.id, isSource(n) ? 0 : 1);
  for (let round = 0; round < MAX_LEVELS; round += 1) {
    for (const e of edges) {
      const at = Math.min(MAX_LEVELS, (level.get(e.from) ?? 0) + 1);
      if (at > (level.get(e.to) ?? 0)) level.set(e.to, at);
    }
  }
  const last = Math.max(0, ...nodes.filter((n) => n.kind === 'queue').map((n) => level.get(n.id) ?? 0));
  for (const n of nodes) {
    if (n.kind === 'queue') level.set(n.id, last);
    if (n.kind === 'ship') level.set(n.id, last + 1);
  }
  const levels = [...new Set([...level.values()])].sort((a, b) => a - b);
  const columns = levels.map((at) => {
    const its = nodes.filter((n) => level.get(n.id) === at);
    return { title: TITLE[its[0]?.kind ?? 'exchange'], nodes: its };
  });
  return { columns, edges };
}

/** Events enter the installation by it. */
export function isSource(n: Node): boolean {
  return n.kind === 'listener' || n.kind === 'harvest';
}

/** The files of a listener, and what has not been read of them. */
function followed(f: FilesStatus): string {
  return f.bytes_behind
    ? `${many(f.watched, 'file')}, ${bytes(f.bytes_behind)} to be read`
    : many(f.watched, 'file');
}

/** How long events take until they are acknowledged: half of them, and 99 of 100. */
function took(x: { ack_p50_ms?: number | null; ack_p99_ms?: number | null }, what: string): string {
  const [half, most] = [x.ack_p50_ms, x.ack_p99_ms];
  if (half === null || half === undefined || most === null || most === undefined) return '';
  return `${millis(half)} ${what}, 99\u00a0% within ${millis(most)}`;
}

function millis(ms: number): string {
  return (ms < 1 ? '< 1 ms' : ms < 1000 ? `${Math.round(ms)} ms` : span(ms)).replaceAll(' ', '\u00a0');
}

function slow(q: QueueStatus | undefined): boolean {
  return (q?.oldest_seconds ?? 0) > SLOW_SECONDS;
}
