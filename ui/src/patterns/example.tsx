/** A line of a pattern: what varies is dim. */
import type { Part } from '../api-types';
import { clean } from '../list/text';

/** Parts and characters that are drawn of an example. */
const MOST_PARTS = 200;
const MOST_CHARS = 600;

export function Example({ parts, text }: { parts?: readonly Part[]; text?: string }) {
  const line = (s: string) => clean(s, MOST_CHARS).replace(/\r?\n\s*/g, ' ⏎ ');
  const all: readonly Part[] = parts?.length ? parts : fromText(text ?? '');
  return (
    <div class="pat">
      {all.slice(0, MOST_PARTS).map(([s, varies], i) => (varies ? <i key={i}>{line(s)}</i> : line(s)))}
    </div>
  );
}

/** What stands in the words of a shape for what varies. */
const HOLE = '<*>';

/**
 * The message in pieces, by the words of its shape; none where they do not fit. Spaces of any kind and
 * length are one space to a shape.
 */
export function aligned(shape: string, message: string): Part[] {
  const out: Part[] = [];
  let at = 0;
  const fixed = shape.split(HOLE);
  for (const [i, words] of fixed.entries()) {
    const found = place(words, message, at, i === 0, i === fixed.length - 1);
    if (!found) return [];
    if (found[0] > at) out.push([message.slice(at, found[0]), true]);
    if (found[1] > found[0]) out.push([message.slice(...found), false]);
    at = found[1];
  }
  return out;
}

function place(words: string, message: string, from: number, first: boolean, last: boolean) {
  if (!words) return last ? ([message.length, message.length] as const) : ([from, from] as const);
  const pattern = words.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/\s+/g, '\\s+');
  const search = new RegExp(`${first ? '^\\s*' : ''}${pattern}${last ? '\\s*$' : ''}`, 'g');
  search.lastIndex = from;
  const found = search.exec(message);
  return found && ([found.index, found.index + found[0].length] as const);
}

function fromText(text: string): Part[] {
  return text.split(/(<[^<>\s]{0,20}>)/).map((s, i) => [s, i % 2 === 1]);
}
