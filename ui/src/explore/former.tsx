/** Rows that a query before has found, because the one in the box cannot be read: whose they are, and the way back. */
import { mistake } from '../query/box';
import { setText } from '../query/parsed';
import { Button } from '../ui/button';
import { route } from '../url';
import { ask } from './act';

/** What is shown is of the query before, because the one in the box has a mistake. */
export function isFormer(): boolean {
  return mistake.value !== null;
}

export function Former({ q }: { q: string }) {
  return (
    <>
      <span class="cut former-of">
        Still shown: what {q ? <code>{q}</code> : 'the search without a query'} found
      </span>
      <Button
        kind="plain"
        tip="Puts the query before back into the box"
        onClick={() => {
          setText(q);
          if (route.peek().q !== q) ask(q);
        }}
      >
        Back to it
      </Button>
    </>
  );
}
