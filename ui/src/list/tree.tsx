/** A JSON value as a tree. Branches are drawn when they are opened, so that a deep or wide one is cheap. */
import { useState } from 'preact/hooks';
import { int } from '../format';
import { clean } from './text';

/** Levels that are open at first. */
const OPEN_LEVELS = 2;
/** Entries of a branch that are drawn at a time. */
const ENTRIES = 30;
/** Characters of a value: at first, and at most. */
const FIRST_CHARS = 600;
const MOST_CHARS = 100_000;

export function Tree({ value, name = '', level = 0 }: { value: unknown; name?: string; level?: number }) {
  const [open, setOpen] = useState(level < OPEN_LEVELS);
  const [most, setMost] = useState(ENTRIES);
  if (typeof value !== 'object' || value === null) return <Leaf value={value} name={name} />;
  const list = Array.isArray(value);
  if (list && isShort(value)) return <Leaf value={value} name={name} />;
  const entries = list ? value.map((v, i) => [String(i), v] as const) : Object.entries(value);
  const branches = () => (
    <>
      {entries.slice(0, most).map(([k, v]) => (
        <Tree key={k} name={k} value={v} level={level + 1} />
      ))}
      {entries.length > most && (
        <button type="button" class="acc" onClick={() => setMost(most * 10)}>
          {int(entries.length - most)} more
        </button>
      )}
    </>
  );
  // The root has no name to stand in a line.
  if (level === 0) return branches();
  return (
    <details open={open} onToggle={(ev) => setOpen(ev.currentTarget.open)}>
      <summary>
        {name && <span class="jk">{clean(name, 200)} </span>}
        <span class="jp">{list ? `[${entries.length}]` : `{${entries.length}}`}</span>
      </summary>
      {open && branches()}
    </details>
  );
}

/** A list of one value, as an event has for most fields, needs no branch. */
export function isShort(list: readonly unknown[]): boolean {
  return list.length === 0 || (list.length === 1 && typeof list[0] !== 'object');
}

function Leaf({ value, name }: { value: unknown; name: string }) {
  const [all, setAll] = useState(false);
  const text = value === '' ? '""' : typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  const limit = all ? MOST_CHARS : FIRST_CHARS;
  return (
    <div>
      <span class="jk">{clean(name, 200)}</span>
      <span class="jp">: </span>
      <span class={typeof value === 'string' ? 'q-s' : 'q-d'}>{clean(text, limit)}</span>
      {!all && text.length > limit && (
        <button type="button" class="acc" onClick={() => setAll(true)}>
          {' '}
          {int(text.length - limit)} more characters
        </button>
      )}
    </div>
  );
}
