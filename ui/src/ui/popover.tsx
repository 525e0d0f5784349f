/**
 * A button that opens something floating, and a menu to put into it. The browser closes it on Esc and
 * on a click outside; its place is set by script on the element, never by a style attribute.
 */
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Button, type ButtonProps } from './button';
import { Icon, type IconName } from './icon';

interface PopoverProps extends Omit<ButtonProps, 'children' | 'onClick' | 'expanded'> {
  label?: ComponentChildren;
  children: (close: () => void) => ComponentChildren;
}

export function Popover({ label, children, popup = 'menu', ...button }: PopoverProps) {
  const [open, setOpen] = useState(false);
  const anchor = useRef<HTMLButtonElement>(null);
  const panel = useRef<HTMLDivElement>(null);
  const wasOpen = useRef(false);
  const close = () => panel.current?.hidePopover();

  useLayoutEffect(() => {
    const el = panel.current;
    if (!open || !el || !anchor.current) return;
    el.showPopover();
    place(el, anchor.current);
    el.querySelector<HTMLElement>('button, a, input')?.focus();
  }, [open]);

  return (
    <>
      <Button
        {...button}
        popup={popup}
        expanded={open}
        buttonRef={anchor}
        onPointerDown={() => {
          wasOpen.current = open;
        }}
        onClick={(ev) => {
          // A press outside of the panel has closed it already.
          if (ev.detail > 0 && wasOpen.current) wasOpen.current = false;
          else if (open) close();
          else setOpen(true);
        }}
      >
        {label}
      </Button>
      {open && (
        <div
          class="pop"
          popover="auto"
          ref={panel}
          onKeyDown={arrows}
          onToggle={(ev) => {
            if (ev.newState !== 'closed') return;
            if (panel.current?.contains(document.activeElement)) anchor.current?.focus();
            setOpen(false);
          }}
        >
          {children(close)}
        </div>
      )}
    </>
  );
}

function place(panel: HTMLElement, anchor: HTMLElement): void {
  const a = anchor.getBoundingClientRect();
  const p = panel.getBoundingClientRect();
  const above = a.bottom + 4 + p.height > innerHeight && a.top > p.height;
  panel.style.left = `${Math.max(8, Math.min(a.left, innerWidth - p.width - 8))}px`;
  panel.style.top = `${above ? a.top - p.height - 4 : a.bottom + 4}px`;
}

/** Up and down walk through the entries of a menu. */
function arrows(ev: KeyboardEvent): void {
  if (ev.key !== 'ArrowDown' && ev.key !== 'ArrowUp') return;
  const panel = ev.currentTarget as HTMLElement;
  const all = [...panel.querySelectorAll<HTMLElement>('.menu > button, .menu > a')];
  const at = all.indexOf(document.activeElement as HTMLElement);
  if (at < 0) return;
  ev.preventDefault();
  all[(at + (ev.key === 'ArrowDown' ? 1 : all.length - 1)) % all.length]?.focus();
}

export function Menu({ children }: { children: ComponentChildren }) {
  return <div class="menu">{children}</div>;
}

export interface EntryProps {
  children: ComponentChildren;
  icon?: IconName;
  note?: ComponentChildren;
  onClick: () => void;
}

export function Entry({ children, icon, note, onClick }: EntryProps) {
  return (
    <button type="button" onClick={onClick}>
      {icon && <Icon name={icon} />}
      <span class="cut">{children}</span>
      {note && <small>{note}</small>}
    </button>
  );
}
