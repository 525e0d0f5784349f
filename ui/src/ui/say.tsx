/** What is said in passing: a line for what was done, words for a screen reader, the clipboard. */
import { signal } from '@preact/signals';
import { clean } from '../list/text';

const TOAST_MS = 2600;
const toastText = signal('');
const spoken = signal('');
let timer: ReturnType<typeof setTimeout> | undefined;

/** Says what was done. Never an error: those stay where they belong. */
export function toast(text: string): void {
  toastText.value = clean(text);
  clearTimeout(timer);
  timer = setTimeout(() => {
    toastText.value = '';
  }, TOAST_MS);
}

/** For a screen reader alone. */
export function say(text: string): void {
  spoken.value = text;
}

export function SayHost() {
  return (
    <>
      <div id="toast" role="status" aria-live="polite">
        {toastText}
      </div>
      <div class="sr" role="log" aria-live="polite">
        {spoken}
      </div>
    </>
  );
}

/** Puts text on the clipboard, also where the page came without TLS. */
export async function copy(text: string, what: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    if (!copyBySelection(text)) {
      toast('The browser gives no access to the clipboard');
      return;
    }
  }
  toast(`Copied ${what}`);
}

function copyBySelection(text: string): boolean {
  const area = document.createElement('textarea');
  area.value = text;
  area.className = 'sr';
  const focused = document.activeElement as HTMLElement | null;
  const host = document.querySelector('dialog[open]') ?? document.body;
  host.append(area);
  area.select();
  const done = document.execCommand('copy');
  area.remove();
  focused?.focus();
  return done;
}
