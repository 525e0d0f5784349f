/** A button and a row of buttons of which one is chosen. */
import type { ComponentChildren, Ref } from 'preact';
import { Icon, type IconName } from './icon';

export interface ButtonProps {
  children?: ComponentChildren;
  icon?: IconName;
  /** What it does, with its key; the name of a button that is an icon alone. */
  tip?: string;
  /** `quiet` in toolbars; one `primary` a view; `bad` for what cannot be undone. */
  kind?: 'plain' | 'primary' | 'quiet' | 'bad';
  size?: 'normal' | 'small' | 'mini';
  pressed?: boolean;
  expanded?: boolean;
  popup?: 'menu' | 'dialog';
  disabled?: boolean;
  submit?: boolean;
  class?: string;
  tabIndex?: number;
  buttonRef?: Ref<HTMLButtonElement>;
  onClick?: (ev: MouseEvent) => void;
  onPointerDown?: (ev: PointerEvent) => void;
}

const KIND = { plain: '', primary: ' pri', quiet: ' q', bad: ' bad' };
const SIZE = { normal: '', small: ' s', mini: ' s mini' };

export function Button(p: ButtonProps) {
  const bare = p.children === undefined || p.children === null || p.children === '';
  return (
    <button
      ref={p.buttonRef}
      type={p.submit ? 'submit' : 'button'}
      class={`btn${SIZE[p.size ?? 'small']}${KIND[p.kind ?? 'quiet']}${bare ? ' icon' : ''} ${p.class ?? ''}`.trim()}
      title={p.tip}
      aria-label={bare ? p.tip : undefined}
      aria-pressed={p.pressed}
      aria-expanded={p.expanded}
      aria-haspopup={p.popup}
      disabled={p.disabled}
      tabIndex={p.tabIndex}
      onClick={p.onClick}
      onPointerDown={p.onPointerDown}
    >
      {p.icon && <Icon name={p.icon} />}
      {p.children}
    </button>
  );
}

export interface SegmentsProps<T> {
  label: string;
  options: readonly (readonly [T, string])[];
  value: T;
  onChange: (value: T) => void;
}

export function Segments<T extends string | boolean>({ label, options, value, onChange }: SegmentsProps<T>) {
  return (
    <span class="seg" role="group" aria-label={label}>
      {options.map(([v, text]) => (
        <button key={String(v)} type="button" aria-pressed={v === value} onClick={() => onChange(v)}>
          {text}
        </button>
      ))}
    </span>
  );
}
