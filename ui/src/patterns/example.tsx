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

function fromText(text: string): Part[] {
  return text.split(/(<[^<>\s]{0,20}>)/).map((s, i) => [s, i % 2 === 1]);
}
