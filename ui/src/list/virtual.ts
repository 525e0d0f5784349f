/** The rows in view out of many of different height: @tanstack/virtual-core as a hook. */
import {
  elementScroll,
  observeElementOffset,
  observeElementRect,
  Virtualizer,
  type VirtualizerOptions,
} from '@tanstack/virtual-core';
import { useLayoutEffect, useReducer, useRef } from 'preact/hooks';

type Options = VirtualizerOptions<HTMLElement, HTMLElement>;

interface Wanted {
  count: number;
  scroller: () => HTMLElement | null;
  estimate: (index: number) => number;
  keyOf: (index: number) => string;
  /** Height of what stands above the rows inside of the scroller. */
  head: number;
}

export function useVirtual(wanted: Wanted): Virtualizer<HTMLElement, HTMLElement> {
  const [, again] = useReducer((n: number) => n + 1, 0);
  const mine = useRef<Virtualizer<HTMLElement, HTMLElement> | null>(null);
  const options: Options = {
    count: wanted.count,
    getScrollElement: wanted.scroller,
    estimateSize: wanted.estimate,
    getItemKey: wanted.keyOf,
    overscan: 12,
    scrollMargin: wanted.head,
    scrollPaddingStart: wanted.head,
    observeElementRect,
    observeElementOffset,
    scrollToFn: elementScroll,
    onChange: () => again(0),
  };
  mine.current ??= new Virtualizer(options);
  const it = mine.current;
  it.setOptions(options);
  useLayoutEffect(() => it._didMount(), []);
  useLayoutEffect(() => it._willUpdate());
  return it;
}
