/** Before the first event: how to send one to the listeners that there are. It looks by itself whether one has come. */
import { useEffect, useState } from 'preact/hooks';
import { get, may, me } from '../api';
import type { Installation, ListenerStatus, SpanAnswer } from '../api-types';
import { clean } from '../list/text';
import { Button } from '../ui/button';
import { Empty } from '../ui/marks';
import { copy } from '../ui/say';
import { go, route } from '../url';

/** How often it looks; more seldom where each look is a question about events, which is logged. */
const EVERY_MS = 3000;
const SELDOM_MS = 30000;
/** Listeners for which a command is shown. */
const MOST = 4;

export function FirstStart({ onEvent }: { onEvent: () => void }) {
  const [listeners, setListeners] = useState<ListenerStatus[] | null>(null);
  const restricted = !!me.value?.restricted;
  useEffect(() => {
    const mine = new AbortController();
    const look = async () => {
      if (document.hidden) return;
      try {
        if (await (restricted ? hasComeFor(mine.signal) : hasCome(mine.signal, setListeners))) onEvent();
      } catch {
        // it looks again soon
      }
    };
    void look();
    const timer = setInterval(look, restricted ? SELDOM_MS : EVERY_MS);
    return () => {
      mine.abort();
      clearInterval(timer);
    };
  }, [restricted]);
  const commands = (listeners ?? []).map((l) => commandFor(l, location.hostname)).filter((c) => c !== '');
  return (
    <Empty title="No event has come yet">
      {commands.length > 0 ? (
        <>
          <p class="sub">
            loggr listens; nothing has been sent to it. Send a first line, and it appears here:
          </p>
          <div class="card first">
            {commands.slice(0, MOST).map((c) => (
              <div key={c}>
                <code>{clean(c, 300)}</code>
                <Button icon="copy" tip="Copy the command" onClick={() => void copy(c, 'the command')} />
              </div>
            ))}
          </div>
        </>
      ) : (
        <p class="sub">
          {listeners?.length === 0
            ? 'No listener is configured here; the configuration says where loggr listens.'
            : 'As soon as one does, it appears here.'}
        </p>
      )}
      <div class="gap">
        {!restricted && (
          <Button kind="plain" onClick={() => go({ view: 'status' })}>
            Open Status
          </Button>
        )}
        {may('operate') && me.value?.uploads && (
          <Button kind="plain" onClick={() => go({ view: 'upload' })}>
            Upload a log file
          </Button>
        )}
      </div>
    </Empty>
  );
}

/** Whether the store that is asked holds an event. */
async function hasCome(signal: AbortSignal, told: (listeners: ListenerStatus[]) => void): Promise<boolean> {
  const status = await get<Installation>('status', {}, signal);
  told(status.listeners);
  const asked = route.peek().store || me.peek()?.stores?.[0];
  return status.stores.some((s) => s.name === asked && (s.events ?? 0) > 0);
}

/** The same for somebody who does not see the status. */
async function hasComeFor(signal: AbortSignal): Promise<boolean> {
  return !!(await get<SpanAnswer>('span', { store: route.peek().store }, signal)).newest;
}

/** A command that sends a line to a listener; empty where none is known. `here`: the name of this host. */
export function commandFor(l: Pick<ListenerStatus, 'protocol' | 'address'>, here: string): string {
  // One that is bound to several addresses names them all.
  const address = l.address.split(', ')[0] ?? '';
  if (l.protocol.startsWith('unix')) return `logger --socket ${address} "first line"`;
  const at = /^(.*):(\d+)$/.exec(address);
  if (!at) return '';
  const bound = (at[1] ?? '').replace(/^\[|\]$/g, '');
  const host = ['', '0.0.0.0', '::'].includes(bound) ? here : bound;
  const port = at[2] ?? '';
  if (l.protocol === 'udp' || l.protocol === 'tcp')
    return `logger --server ${host} --port ${port} --${l.protocol} "first line"`;
  const url = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  return l.protocol === 'relp' ? `loggr send --to relp://${url} --message "first line"` : '';
}
