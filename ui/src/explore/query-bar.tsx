/** The bar above Explore and Patterns: the box, the range, Search, Follow. */
import { useEffect } from 'preact/hooks';
import { focusList } from '../list/reveal';
import { QueryBox } from '../query/box';
import { parse, setText, text } from '../query/parsed';
import { When } from '../query/when';
import { Button } from '../ui/button';
import { route } from '../url';
import { again, ask, toggleTail } from './act';
import { runningSince, search } from './search';
import { paused } from './tail';

interface BarProps {
  /** There is a live tail here. */
  follow?: boolean;
}

export function QueryBar({ follow = false }: BarProps) {
  const r = route.value;
  useEffect(() => {
    setText(r.q);
    void parse();
  }, [r.q]);
  const run = (q: string) => {
    const same = q.trim() === route.peek().q;
    ask(q);
    if (!same) return;
    again.value += 1;
    if (follow) void search();
  };
  return (
    <form
      class="qbar"
      role="search"
      aria-label="Search events"
      onSubmit={(ev) => {
        ev.preventDefault();
        run(text.peek());
      }}
    >
      <QueryBox onRun={run} leave={focusList} />
      <When />
      <Button kind="primary" size="normal" submit>
        Search
      </Button>
      {follow && (
        <Button
          kind="plain"
          size="normal"
          icon={r.tail && !paused.value ? 'pause' : 'play'}
          pressed={r.tail}
          tip="Live tail: f starts and ends it, Space pauses"
          onClick={toggleTail}
        >
          {r.tail ? (paused.value ? 'Paused' : 'Following') : 'Follow'}
        </Button>
      )}
      {follow && runningSince.value > 0 && <div class="prog" role="progressbar" aria-label="Searching" />}
    </form>
  );
}
