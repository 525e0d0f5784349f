/**
 * The keys: one table makes both the bindings and the overlay that explains them. No key needs a
 * modifier, and none acts while a field, a dialog or a menu has the focus.
 */

export type Action =
  | 'query'
  | 'run'
  | 'close'
  | 'next'
  | 'previous'
  | 'first'
  | 'last'
  | 'nextError'
  | 'previousError'
  | 'select'
  | 'context'
  | 'copy'
  | 'link'
  | 'earlier'
  | 'later'
  | 'zoomOut'
  | 'follow'
  | 'pause'
  | 'help';

export interface Key {
  group: string;
  /** As it is written in the overlay. */
  key: string;
  what: string;
  action: Action;
  /** Other keys that do the same. */
  also?: string[];
}

export const KEYS: readonly Key[] = [
  { group: 'Search', key: '/', what: 'to the query', action: 'query' },
  { group: 'Search', key: 'Enter', what: 'run, or open the row', action: 'run' },
  { group: 'Search', key: 'Esc', what: 'close, or back', action: 'close', also: ['Escape'] },
  { group: 'Rows', key: 'j', what: 'next row', action: 'next', also: ['ArrowDown'] },
  { group: 'Rows', key: 'k', what: 'row before', action: 'previous', also: ['ArrowUp'] },
  { group: 'Rows', key: 'g', what: 'newest row', action: 'first' },
  { group: 'Rows', key: 'G', what: 'oldest row', action: 'last' },
  { group: 'Rows', key: 'e', what: 'next error, down the list', action: 'nextError' },
  { group: 'Rows', key: 'E', what: 'error before', action: 'previousError' },
  { group: 'Rows', key: 'x', what: 'select; Shift-click for a range', action: 'select' },
  { group: 'Rows', key: 'c', what: 'lines around it', action: 'context' },
  { group: 'Rows', key: 'y', what: 'copy the line or selection', action: 'copy' },
  { group: 'Rows', key: 'Y', what: 'copy the link', action: 'link' },
  { group: 'Time', key: '[', what: 'earlier', action: 'earlier' },
  { group: 'Time', key: ']', what: 'later', action: 'later' },
  { group: 'Time', key: 'z', what: 'zoom out', action: 'zoomOut' },
  { group: 'Live', key: 'f', what: 'follow, or end it', action: 'follow' },
  { group: 'Live', key: 'Space', what: 'pause, go on', action: 'pause', also: [' '] },
  { group: 'Page', key: '?', what: 'this help', action: 'help' },
];

export type Handlers = Partial<Record<Action, () => void>>;

const stack: Handlers[] = [];

/** Binds actions while a view is there; the latest that knows an action has it. Returns what ends it. */
export function bind(handlers: Handlers): () => void {
  stack.push(handlers);
  return () => {
    const at = stack.indexOf(handlers);
    if (at >= 0) stack.splice(at, 1);
  };
}

/** The action of a key; undefined if it has none. */
export function actionOf(key: string): Action | undefined {
  return KEYS.find((k) => k.key === key || k.also?.includes(key))?.action;
}

const TYPING = 'input:not([type=checkbox]), textarea, select, dialog, [popover]';
/** Where a key means what it means to the element itself. */
const OWN: Partial<Record<Action, string>> = {
  run: 'button, a, input, summary, .plot, .grip',
  pause: 'button, a, input, summary',
  next: '.plot, summary, [role=tab], .grip',
  previous: '.plot, summary, [role=tab], .grip',
};

export function listen(): void {
  document.addEventListener('keydown', (ev) => {
    if (ev.ctrlKey || ev.metaKey || ev.altKey || ev.defaultPrevented) return;
    const target = ev.target instanceof Element ? ev.target : document.body;
    if (target.closest(TYPING)) return;
    const action = actionOf(ev.key);
    if (!action) return;
    const own = OWN[action];
    if (own && target.closest(own)) return;
    const handler = stack.findLast((h) => h[action])?.[action];
    if (!handler) return;
    ev.preventDefault();
    handler();
  });
}
