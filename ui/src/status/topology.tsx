/** The picture of the flow: boxes in columns, straight elbows between them. */
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { may } from '../api';
import { int, rate } from '../format';
import { clean } from '../list/text';
import { term } from '../query/rewrite';
import { Icon } from '../ui/icon';
import { Ticks } from '../ui/marks';
import { href } from '../url';
import { type Edge, type Flow, isSource, type Node } from './flow';
import { openQueue } from './queue';

interface Line {
  d: string;
  state: string;
}

/** Pixels between lines that end at the same box. */
const FAN = 8;

export function Topology({ flow, rateOf }: { flow: Flow; rateOf: (id: string) => number | undefined }) {
  const box = useRef<HTMLDivElement>(null);
  const [lines, setLines] = useState<Line[]>([]);
  const draw = () => {
    const next = box.current ? measure(box.current, flow.edges) : [];
    setLines((old) => (JSON.stringify(old) === JSON.stringify(next) ? old : next));
  };
  useLayoutEffect(draw);
  useLayoutEffect(() => {
    const observer = new ResizeObserver(draw);
    if (box.current) observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  const tracks = flow.columns.map((c) => (c.nodes[0]?.kind === 'exchange' ? '.8fr' : '1.1fr')).join(' ');
  return (
    <section class="scroll" tabIndex={0} aria-label="Topology">
      <div class="topo" ref={box} style={{ '--topo': tracks }}>
        <svg aria-hidden="true">
          {lines.map((l) => (
            <path key={l.d} class={l.state} d={l.d} />
          ))}
        </svg>
        {flow.columns.map((c, i) => (
          <div key={i}>
            <h3>{c.title}</h3>
            {c.nodes.map((n) => (
              <Box key={n.id} node={n} rate={rateOf(n.id)} />
            ))}
          </div>
        ))}
      </div>
    </section>
  );
}

function Box({ node: n, rate: r }: { node: Node; rate: number | undefined }) {
  const inner = (
    <>
      <span class="n">
        <span class="cut">{clean(n.name, 60)}</span>
        <span class="num">
          {n.waiting !== undefined ? `${int(n.waiting)} waiting` : r === undefined ? '' : `${rate(r)}/s`}
        </span>
      </span>
      <small>{clean(n.what, 120)}</small>
      {n.note && (
        <small class={n.state ? 's' : ''} title={n.state ? clean(n.note, 600) : undefined}>
          {n.state && <Icon name="warn" />} <Ticks text={clean(n.note, 200)} />
        </small>
      )}
    </>
  );
  const cls = `node ${n.state}`.trim();
  if (n.kind === 'queue' && may('operate')) {
    return (
      <button
        type="button"
        class={cls}
        data-n={n.id}
        title={`What waits in ${n.name}`}
        onClick={() => openQueue(n.name)}
      >
        {inner}
      </button>
    );
  }
  if (!isSource(n)) {
    return (
      <div class={cls} data-n={n.id}>
        {inner}
      </div>
    );
  }
  const q = term('listener', n.name);
  return (
    <a
      class={cls}
      data-n={n.id}
      href={href({ view: 'explore', q, from: 'now-15m', to: 'now' })}
      title={`Lines that came by ${n.name}`}
    >
      {inner}
    </a>
  );
}

function measure(box: HTMLElement, edges: readonly Edge[]): Line[] {
  const frame = box.getBoundingClientRect();
  const at = new Map<string, { left: number; right: number; y: number }>();
  for (const el of box.querySelectorAll<HTMLElement>('[data-n]')) {
    const r = el.getBoundingClientRect();
    at.set(el.dataset.n ?? '', {
      left: r.left - frame.left,
      right: r.right - frame.left,
      y: r.top + r.height / 2 - frame.top,
    });
  }
  const fan = (same: readonly Edge[], e: Edge) =>
    (same.indexOf(e) - (same.length - 1) / 2) * Math.min(FAN, 40 / same.length);
  const out: Line[] = [];
  for (const e of edges) {
    const a = at.get(e.from);
    const b = at.get(e.to);
    if (!a || !b || b.left <= a.right) continue;
    const start =
      a.y +
      fan(
        edges.filter((x) => x.from === e.from),
        e,
      );
    const end =
      b.y +
      fan(
        edges.filter((x) => x.to === e.to),
        e,
      );
    const mid = (a.right + b.left) / 2;
    out.push({ d: `M${a.right} ${start}H${mid}V${end}H${b.left}`, state: e.state });
  }
  // Troubled ones are drawn last, on top.
  return out.sort((x, y) => x.state.length - y.state.length);
}
