/** The message of a row: matches marked, JSON as `key=value`, further lines counted or shown. */
import type { Match } from '../api-types';
import type { Line } from './rows';
import { flatPairs, pieces } from './text';

/** Characters of a message that a row shows: on one line, and wrapped. */
const SHORT = 600;
const LONG = 2000;

export function Pieces({
  text,
  matches,
  limit,
}: {
  text: string;
  matches?: readonly Match[];
  limit?: number;
}) {
  return (
    <>
      {pieces(text, matches, limit).map((p, i) => {
        if (p.hit) return <mark key={i}>{p.text}</mark>;
        if (p.odd) {
          return (
            <span key={i} class="odd" title="A character that cannot be seen">
              {p.text}
            </span>
          );
        }
        return p.text;
      })}
    </>
  );
}

export function Message({ line, wrap }: { line: Line; wrap: boolean }) {
  const { message } = line.event;
  const pairs = flatPairs(message, line.matches);
  if (pairs) {
    return (
      <>
        {pairs.map((p, i) => (
          <span key={p.key}>
            {i > 0 && ' '}
            <span class="jk">
              <Pieces text={p.key} matches={p.inKey} limit={100} />
            </span>
            <span class="jp">=</span>
            <Pieces text={p.value} matches={p.inValue} limit={SHORT} />
          </span>
        ))}
      </>
    );
  }
  const body = message.replace(/\r?\n$/, '');
  const end = body.indexOf('\n');
  if (wrap || end < 0) return <Pieces text={body} matches={line.matches} limit={wrap ? LONG : SHORT} />;
  const lines = body.split('\n').length;
  return (
    <>
      <Pieces text={body.slice(0, end)} matches={line.matches} limit={SHORT} />
      <span class="nl" title={`The message has ${lines} lines`}>
        +{lines - 1} lines
      </span>
    </>
  );
}
