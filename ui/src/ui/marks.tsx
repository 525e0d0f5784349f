/** Small signs that many views share: severity, states, code in a sentence, time ago. */
import { effect, signal } from '@preact/signals';
import { type ComponentChildren, Fragment } from 'preact';
import { ago, capital } from '../format';
import { grade, letter } from '../list/event';
import { zone } from '../prefs';
import { stamp } from '../time';

export function Severity({ severity }: { severity: string }) {
  const word = severity || 'debug';
  return (
    <span class={`sev s${grade(word)}`} title={word} role="img" aria-label={word}>
      {letter(word)}
    </span>
  );
}

interface TagProps {
  tone?: '' | 'ok' | 'warn' | 'err' | 'acc';
  dot?: boolean;
  title?: string;
  children: ComponentChildren;
}

export function Tag({ tone = '', dot, title, children }: TagProps) {
  return (
    <span class={`tag ${tone}`.trim()} title={title}>
      {dot && <span class="dot" />}
      {children}
    </span>
  );
}

/** A sentence in which `this` is code. */
export function Ticks({ text }: { text: string }) {
  return <>{text.split('`').map((part, i) => (i % 2 ? <code key={i}>{part}</code> : part))}</>;
}

/** What went wrong, as a sentence of its own. */
export function Failure({ what }: { what: string }) {
  return what ? (
    <p class="note err">
      <Ticks text={capital(what)} />
    </p>
  ) : null;
}

/** A clock that ticks once a second, for what is said as an age. */
export const tick = signal(Date.now());
effect(() => {
  if (typeof document !== 'undefined')
    setInterval(() => {
      if (!document.hidden) tick.value = Date.now();
    }, 1000);
});

export function Ago({ at }: { at: string | number | null | undefined }) {
  if (!at) return <span class="dim">never</span>;
  const ms = typeof at === 'number' ? at : Date.parse(at);
  return (
    <span class="nowrap" title={`${stamp(ms, 'full', zone.value)} ${zoneName()}`}>
      {ago(tick.value - ms)}
    </span>
  );
}

export function zoneName(): string {
  return zone.value === 'utc' ? 'UTC' : 'local';
}

/** A long name, which may go on in a new line behind each of its parts. */
export function Name({ text }: { text: string }) {
  return (
    <>
      {text.split(/(?<=[_.@/-])/).map((part, i) => (
        <Fragment key={i}>
          {i > 0 && <wbr />}
          {part}
        </Fragment>
      ))}
    </>
  );
}

/** Letters at the end of a long name that are always seen. */
const END = 14;

/** A name that is cut in its middle: of names that begin alike, the end tells which is which. */
export function Middle({ text }: { text: string }) {
  const at = text.length > 2 * END ? text.length - END : text.length;
  return (
    <span class="middle">
      <span class="cut">{text.slice(0, at)}</span>
      {text.slice(at)}
    </span>
  );
}

interface EmptyProps {
  title: string;
  children?: ComponentChildren;
}

/** What a view says when it has nothing to show. */
export function Empty({ title, children }: EmptyProps) {
  return (
    <div class="empty" role="status">
      <h2>{title}</h2>
      {children}
    </div>
  );
}
