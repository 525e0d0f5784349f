/** Dialogs: one at a time, over the page; Esc and a click outside close it, the focus returns by itself. */
import { signal } from '@preact/signals';
import { type ComponentChildren, Fragment, type JSX } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { sentence } from '../api';
import { Button } from './button';
import { Failure } from './marks';

const current = signal<{ draw: () => JSX.Element; key: number } | null>(null);
let opened = 0;

/** Shows a dialog. The function is called to draw it. */
export function openDialog(draw: () => JSX.Element): void {
  opened += 1;
  current.value = { draw, key: opened };
}

export function closeDialog(): void {
  current.value = null;
}

/** Stands once in the page. */
export function DialogHost() {
  const it = current.value;
  // Each has its own key: what was said in one does not stand in the next.
  return it && <Fragment key={it.key}>{it.draw()}</Fragment>;
}

interface DialogProps {
  title: string;
  children: ComponentChildren;
  footer?: ComponentChildren;
  shape?: 'dlg' | 'dlg wide' | 'sheet' | 'sheet bottom';
  /** What the form does; it stays open when that fails, and says why. */
  onSubmit?: (form: HTMLFormElement) => void | Promise<void>;
}

export function Dialog({ title, children, footer, shape = 'dlg', onSubmit }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null);
  const gone = useRef(false);
  const [failure, setFailure] = useState('');
  const [busy, setBusy] = useState(false);
  useLayoutEffect(() => {
    const dialog = element.current;
    dialog?.showModal();
    // A sheet is read first: on a phone, a field with the focus would cover it with the keyboard.
    if (shape !== 'sheet bottom') {
      const first = dialog?.querySelector<HTMLElement>('.body input:not([type=checkbox]), .body select');
      first?.focus();
      // What is suggested there gives way to what is typed.
      if (first instanceof HTMLInputElement) first.select();
    }
    return () => {
      // Closing gives the focus back; the event of it comes later, when another may be open.
      gone.current = true;
      dialog?.close();
    };
  }, []);

  const submit = async (ev: SubmitEvent) => {
    ev.preventDefault();
    if (busy) return;
    setBusy(true);
    try {
      await onSubmit?.(ev.currentTarget as HTMLFormElement);
      if (!gone.current) closeDialog();
    } catch (error) {
      setFailure(sentence(error));
      setBusy(false);
    }
  };
  return (
    <dialog
      ref={element}
      class={shape}
      aria-label={title}
      onClose={() => !gone.current && closeDialog()}
      onClick={(ev) => ev.target === element.current && closeDialog()}
    >
      <form onSubmit={submit}>
        <header>
          <h1>{title}</h1>
          <Button icon="x" tip="Close (Esc)" class="push" onClick={closeDialog} />
        </header>
        <div class="body">
          {failure && (
            <div role="alert">
              <Failure what={failure} />
            </div>
          )}
          {children}
        </div>
        {footer && <footer>{footer}</footer>}
      </form>
    </dialog>
  );
}

interface QuestionProps {
  title: string;
  children: ComponentChildren;
  yes: string;
  no?: string;
  bad?: boolean;
  onYes: (form: HTMLFormElement) => void | Promise<void>;
}

/** Asks before something is done. */
export function ask({ title, children, yes, no = 'Cancel', bad = false, onYes }: QuestionProps): void {
  openDialog(() => (
    <Dialog
      title={title}
      onSubmit={onYes}
      footer={
        <>
          <Button kind="plain" size="normal" onClick={closeDialog}>
            {no}
          </Button>
          <Button kind={bad ? 'bad' : 'primary'} size="normal" submit>
            {yes}
          </Button>
        </>
      }
    >
      {children}
    </Dialog>
  ));
}
