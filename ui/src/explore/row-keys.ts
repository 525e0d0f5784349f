/** The keys that walk through rows, the same for results and context. */
import type { Signal } from '@preact/signals';
import type { Handlers } from '../keys';
import { grade } from '../list/event';
import { focusList } from '../list/reveal';
import { type Line, nextAt } from '../list/rows';
import { toast } from '../ui/say';

const ERROR = 3;

export function rowKeys(lines: () => readonly Line[], current: Signal<string>, onEnd?: () => void): Handlers {
  const at = () => lines().findIndex((l) => l.event.uid === current.peek());
  const step = (by: 1 | -1, errors = false) => {
    const all = lines();
    const here = at();
    const from = here < 0 && by < 0 ? all.length : here;
    const to = nextAt(all, from, by, errors ? (e) => grade(e.severity) <= ERROR : undefined);
    const next = all[to];
    if (next) current.value = next.event.uid;
    else if (errors) toast('No further error among the loaded rows');
    else if (by > 0) {
      if (onEnd) onEnd();
      else toast('This is the last row');
    }
    focusList();
  };
  const jump = (uid: string | undefined) => {
    if (uid) current.value = uid;
    focusList();
  };
  return {
    next: () => step(1),
    previous: () => step(-1),
    nextError: () => step(1, true),
    previousError: () => step(-1, true),
    first: () => {
      jump(lines()[0]?.event.uid);
      document.querySelector('.list')?.scrollTo({ top: 0 });
    },
    last: () => jump(lines().at(-1)?.event.uid),
  };
}
