/** A JSON value as a tree. Branches are drawn when they are opened, so that a deep or wide one is cheap. */
import { useState } from 'preact/hooks';
import { clean } from './text';

/** Levels that are open at first. */
const OPEN_LEVELS = 2;
/** Entries of a branch that are drawn at a time. */
const ENTRIES = 100;

export function Tree({ value, name = '', level = 0 }: { value: unknown; name?: string; level?: number }) {
  const [open, setOpen] = useState(level < OPEN_LEVELS);
  const [most, setMost] = useState(ENTRIES);
  if (typeof value !== 'object' || value === null) return <Leaf value={value} name={name} />;
  const list = Array.isArray(value);
  const entries = list ? value.map((v, i) => [String(i), v] as const) : Object.entries(value);
  return (
    <details open={open} onToggle={(ev) => setOpen(ev.currentTarget.open)}>
      <summary>
        {name && <span class="jk">{clean(name, 200)} </span>}
        <span class="jp">{list ? `[${entries.length}]` : `{${entries.length}}`}</span>
      </summary>
      {open && entries.slice(0, most).map(([k, v]) => <Tree key={k} name={k} value={v} level={level + 1} />)}
      {open && entries.length > most && (
        <button type="button" class="acc" onClick={() => setMost(most * 10)}>
          {entries.length - most} more
        </button>
      )}
    </details>
  );
}

function Leaf({ value, name }: { value: unknown; name: string }) {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return (
    <div>
      <span class="jk">{clean(name, 200)}</span>
      <span class="jp">: </span>
      <span class={typeof value === 'string' ? 'q-s' : 'q-d'}>{clean(text ?? '', 20000)}</span>
    </div>
  );
}
