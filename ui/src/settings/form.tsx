/** The frame of the forms of the settings: a dialog with Cancel and a verb. */
import type { ComponentChildren } from 'preact';
import { Button } from '../ui/button';
import { closeDialog, Dialog, openDialog } from '../ui/dialog';

interface FormProps {
  title: string;
  verb: string;
  children: ComponentChildren;
  onSubmit: (form: HTMLFormElement) => Promise<void>;
}

export function openForm({ title, verb, children, onSubmit }: FormProps): void {
  openDialog(() => (
    <Dialog
      title={title}
      onSubmit={onSubmit}
      footer={
        <>
          <Button kind="plain" size="normal" onClick={closeDialog}>
            Cancel
          </Button>
          <Button kind="primary" size="normal" submit>
            {verb}
          </Button>
        </>
      }
    >
      {children}
    </Dialog>
  ));
}
