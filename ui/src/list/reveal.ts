/** Where the focus and the eye go in the list. Not: which row the keys are at. */

/** The list has the focus while its keys are used; whatever had it may be gone. */
export function focusList(): void {
  document.querySelector<HTMLElement>('.list')?.focus({ preventScroll: true });
}

/** What follows of a row is fetched; so long its place is kept right. */
const GROWS_MS = 1000;

/**
 * Scrolls so far that all of what opened below a row is seen, but the row does not leave. `head`: what
 * covers the top. Returns what ends it.
 */
export function reveal(scroller: HTMLElement, head: number): () => void {
  const opened = scroller.querySelector<HTMLElement>('.det');
  const row = scroller.querySelector<HTMLElement>('.row.open');
  if (!opened || !row) return () => undefined;
  const move = () => {
    const frame = scroller.getBoundingClientRect();
    const by = missing(frame, opened.getBoundingClientRect(), row.getBoundingClientRect(), head);
    if (by > 0) scroller.scrollTop += by;
  };
  const observer = new ResizeObserver(move);
  observer.observe(opened);
  const end = () => observer.disconnect();
  const timer = setTimeout(end, GROWS_MS);
  scroller.addEventListener('wheel', end, { once: true, passive: true });
  return () => {
    clearTimeout(timer);
    end();
  };
}

interface Edges {
  top: number;
  bottom: number;
}

/** By how much the list has to go down. */
export function missing(frame: Edges, opened: Edges, row: Edges, head: number): number {
  return Math.max(0, Math.min(opened.bottom - frame.bottom, row.top - frame.top - head));
}
