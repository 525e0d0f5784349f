/**
 * That something is being read: nothing for a moment, then for how long already, and a way to end it.
 * Not: the search of Explore, which says so in its result line.
 */
import { span } from '../format';
import { Button } from './button';
import { tick } from './marks';

/** A shorter wait is not worth a word. */
const PATIENCE_MS = 150;

interface LoadingProps {
  /** When it began; 0: nothing is being read. */
  since: number;
  onCancel?: () => void;
}

export function Loading({ since, onCancel }: LoadingProps) {
  const ms = tick.value - since;
  if (!since) return null;
  return (
    <>
      {onCancel && <span class="prog top" role="progressbar" aria-label="Reading" />}
      <span class="sub gap loading" role="status">
        <b>Reading…</b>
        {ms > PATIENCE_MS && <span class="num">{span(ms)}</span>}
        {onCancel && ms > PATIENCE_MS && (
          <Button kind="plain" onClick={onCancel}>
            Cancel
          </Button>
        )}
      </span>
    </>
  );
}
