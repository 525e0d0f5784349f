/** The bell in the top bar: how many troubles are new, and the list of what has changed. */
import { useEffect } from 'preact/hooks';
import { me } from '../api';
import { int, many } from '../format';
import { whyNot } from '../gate/refused';
import { clean } from '../list/text';
import { zone } from '../prefs';
import { stamp } from '../time';
import { Ticks, zoneName } from '../ui/marks';
import { Popover } from '../ui/popover';
import { href } from '../url';
import { forget, type Heard, heard, listen, since, unread } from './heard';

export function Bell() {
  const may = !!me.value && !whyNot('status');
  const user = me.value?.user;
  useEffect(() => {
    if (!may) return;
    const end = listen(() => zone.peek());
    return () => {
      end();
      forget();
    };
  }, [may, user]);
  if (!may) return null;
  const n = unread.value;
  return (
    <Popover
      icon="bell"
      popup="dialog"
      class={n ? 'bell rings' : 'bell'}
      tip={n ? `Notices: ${many(n, 'new trouble')}` : 'Notices'}
      label={
        n ? (
          <>
            <span aria-hidden="true">{int(n)}</span>
            <span class="sr">{many(n, 'new trouble')}</span>
          </>
        ) : null
      }
    >
      {(close) => <List close={close} />}
    </Popover>
  );
}

function List({ close }: { close: () => void }) {
  const all = heard.value;
  // Who sees the list has looked at it.
  useEffect(() => {
    unread.value = 0;
  }, [all]);
  return (
    <section class="notices" aria-label="Notices">
      <h2>Notices</h2>
      {all.length > 0 ? (
        <ol>
          {all.map((h) => (
            <One key={h.key} of={h} />
          ))}
        </ol>
      ) : (
        <p class="sub">
          {since.value
            ? `Nothing has changed since ${stamp(since.value, 'time', zone.value)} ${zoneName()}, when this page was opened. A part that gets into trouble, and a process that starts or stops, is named here.`
            : 'This page does not hear of changes just now; it tries again by itself.'}
        </p>
      )}
      <p class="foot">
        <a href={href({ view: 'status' })} onClick={close}>
          Status
        </a>
        <span>says what is so now</span>
      </p>
    </section>
  );
}

function One({ of }: { of: Heard }) {
  return (
    <li>
      <span class={`dot ${of.tone}`} />
      <span class="num dim">{stamp(of.at, 'time', zone.value)}</span>
      <div>
        <Ticks text={clean(of.what, 300)} />
        {of.detail && (
          <small>
            <Ticks text={clean(of.detail, 600)} />
          </small>
        )}
      </div>
    </li>
  );
}
