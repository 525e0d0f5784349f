/** The group of buttons for the range: earlier, the range, later, zoom out; and its picker. */
import { useEffect, useState } from 'preact/hooks';
import { get, serverNow } from '../api';
import type { SpanAnswer } from '../api-types';
import { setRange, shiftRange, zoomAway } from '../explore/act';
import { int } from '../format';
import { zone } from '../prefs';
import { absolute, isRelative, PRESETS, point, rangeName, resolve, stamp } from '../time';
import { Button } from '../ui/button';
import { Icon } from '../ui/icon';
import { Ago, zoneName } from '../ui/marks';
import { Entry, Menu, Popover } from '../ui/popover';
import { route } from '../url';

export function When() {
  const name = rangeName(route.value, serverNow(), zone.value);
  return (
    <span class="join">
      <Button
        kind="plain"
        size="normal"
        icon="left"
        tip="Earlier ( [ )"
        class="hide-s"
        onClick={() => shiftRange(-1)}
      />
      <Popover
        kind="plain"
        size="normal"
        class="tp"
        popup="dialog"
        label={
          <>
            <Icon name="clock" />
            <span class="cut">{name}</span>
            <Icon name="down" />
          </>
        }
      >
        {(close) => <Picker close={close} />}
      </Popover>
      <Button
        kind="plain"
        size="normal"
        icon="right"
        tip="Later ( ] )"
        class="hide-s"
        onClick={() => shiftRange(1)}
      />
      <Button kind="plain" size="normal" icon="out" tip="Zoom out ( z )" onClick={zoomAway} />
    </span>
  );
}

function Picker({ close }: { close: () => void }) {
  const r = route.value;
  const [wrong, setWrong] = useState('');
  const span = resolve(r, serverNow());
  const shown = (text: string, ms: number | undefined) =>
    isRelative(text) || ms === undefined ? text : stamp(ms, 'full', zone.value);
  const choose = (from: string, to: string) => {
    close();
    setRange(from, to);
  };
  const apply = (ev: SubmitEvent) => {
    ev.preventDefault();
    const form = new FormData(ev.currentTarget as HTMLFormElement);
    const now = serverNow();
    const ends = ['from', 'to'].map((name) => {
      const typed = String(form.get(name) ?? '').trim();
      const ms = point(typed, now, zone.value);
      return { typed, ms };
    });
    const [from, to] = ends;
    const bad = ends.find((e) => !Number.isFinite(e.ms));
    if (!from || !to) return;
    if (bad) return setWrong(`“${bad.typed}” is not a time`);
    if (from.ms >= to.ms) return setWrong('The range ends before it begins');
    const kept = (e: { typed: string; ms: number }) =>
      isRelative(e.typed)
        ? e.typed.toLowerCase().replace(/\s/g, '')
        : absolute({ from: e.ms, to: e.ms }).from;
    choose(kept(from), kept(to));
  };
  return (
    <div class="times">
      <Menu>
        {PRESETS.map(([k, name]) => (
          <Entry
            key={k}
            note={r.from === `now-${k}` && r.to === 'now' ? '✓' : k}
            onClick={() => choose(`now-${k}`, 'now')}
          >
            {name}
          </Entry>
        ))}
      </Menu>
      <div>
        <form class="field" onSubmit={apply}>
          <label class="field">
            <span>From</span>
            <input class="in mono" name="from" defaultValue={shown(r.from, span?.from)} />
          </label>
          <label class="field">
            <span>To, not included</span>
            <input class="in mono" name="to" defaultValue={shown(r.to, span?.to)} />
          </label>
          <small>2026-11-29 21:00, 2026-11-29 or now-15m; in {zoneName()}</small>
          {wrong && (
            <small class="err" role="alert">
              {wrong}
            </small>
          )}
          <div>
            <Button kind="primary" submit>
              Apply
            </Button>
          </div>
        </form>
        <hr class="sep" />
        <Where choose={choose} />
      </div>
    </div>
  );
}

/** What the store holds, and ways there. */
function Where({ choose }: { choose: (from: string, to: string) => void }) {
  const [held, setHeld] = useState<SpanAnswer | null>(null);
  useEffect(() => {
    get<SpanAnswer>('span', { store: route.peek().store })
      .then(setHeld)
      .catch(() => undefined); // the picker works without
  }, []);
  if (!held?.newest || !held.oldest) return held ? <small>The store is empty</small> : null;
  const newest = Date.parse(held.newest);
  const oldest = Date.parse(held.oldest);
  return (
    <div class="field">
      <span>Where the data is</span>
      <small>
        {int(held.events)} events, {stamp(oldest, 'dayMinute', zone.value)} to{' '}
        {stamp(newest, 'dayMinute', zone.value)}, newest <Ago at={held.newest} />
      </small>
      <div class="gap">
        <Button kind="plain" onClick={() => choose(...ends(newest - 36e5, newest + 1))}>
          Newest hour
        </Button>
        <Button kind="plain" onClick={() => choose(...ends(oldest, newest + 1))}>
          All of it
        </Button>
      </div>
    </div>
  );
}

function ends(from: number, to: number): [string, string] {
  const r = absolute({ from, to });
  return [r.from, r.to];
}
