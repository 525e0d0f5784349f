/** The frame of every view: the bar on top, the banner of a lost connection, the gate over all of it. */
import { signal } from '@preact/signals';
import type { ComponentChildren, FunctionComponent } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { me, offlineSince, refreshMe, send } from './api';
import { Explore } from './explore/explore';
import { search } from './explore/search';
import { int, many, rate, span } from './format';
import { Gate } from './gate/gate';
import { Refused, whyNot } from './gate/refused';
import { bind } from './keys';
import { clean } from './list/text';
import { Bell } from './notices/bell';
import { toggleTheme } from './prefs';
import { pulse, watch } from './pulse';
import { openHelp } from './query/help';
import { loadSaved } from './query/saved';
import { Button } from './ui/button';
import { closeDialog, DialogHost } from './ui/dialog';
import { Icon } from './ui/icon';
import { tick } from './ui/marks';
import { Entry, Menu, Popover } from './ui/popover';
import { SayHost } from './ui/say';
import { go, href, route, type View } from './url';

const NAV: readonly (readonly [View, string])[] = [
  ['explore', 'Explore'],
  ['patterns', 'Patterns'],
  ['status', 'Status'],
  ['rescue', 'Rescue'],
  ['upload', 'Upload'],
  ['settings', 'Settings'],
];

/** Views that are fetched when they are opened. */
const LAZY: Partial<Record<View, () => Promise<FunctionComponent>>> = {
  patterns: () => import('./patterns/patterns').then((m) => m.Patterns),
  status: () => import('./status/status').then((m) => m.Status),
  rescue: () => import('./rescue/rescue').then((m) => m.Rescue),
  upload: () => import('./upload/upload').then((m) => m.Upload),
  settings: () => import('./settings/settings').then((m) => m.Settings),
};

const loaded = signal<Partial<Record<View, FunctionComponent>>>({ explore: Explore });
const missing = signal('');

export function App() {
  const user = me.value;
  useEffect(() => bind({ help: openHelp }), []);
  const known = useRef(false);
  const lost = useRef(false);
  if (user) known.current = true;
  else if (known.current) lost.current = true;
  useEffect(() => {
    if (!user) return;
    void loadSaved().catch(() => undefined); // the menu is empty then
    // After a log-in in the middle of the work, it goes on where it stood.
    if (lost.current && route.peek().view === 'explore') void search();
    lost.current = false;
  }, [user === null, user?.user]);
  const gate = user === null || route.value.view === 'first';
  return (
    <>
      {known.current && (
        <div id="page" inert={gate}>
          <TopBar />
          <main id="main" tabIndex={-1}>
            <Offline />
            <Current />
          </main>
        </div>
      )}
      {gate && (
        <div class="over">
          <main>
            <Gate />
          </main>
        </div>
      )}
      {user === undefined && !known.current && <Starting />}
      <DialogHost />
      <SayHost />
    </>
  );
}

function Starting() {
  return (
    <main class="gate">
      <Offline />
    </main>
  );
}

function Current() {
  const { view, q } = route.value;
  const View = loaded.value[view];
  const refused = whyNot(view);
  // A dialog belongs to the view over which it stands.
  useEffect(() => closeDialog, [view]);
  useEffect(() => {
    const name = NAV.find(([v]) => v === view)?.[1] ?? 'Log in';
    const what = view === 'explore' && q ? clean(q, 60) : name;
    document.title = `${what} · loggr`;
  }, [view, q]);
  useEffect(() => {
    missing.value = '';
    if (refused || loaded.peek()[view]) return;
    LAZY[view]?.()
      .then((v) => {
        loaded.value = { ...loaded.peek(), [view]: v };
      })
      .catch(() => {
        missing.value =
          'This part of the page could not be fetched. A newer loggr may be running: load the page again.';
      });
  }, [view, refused === null]);
  if (refused) return <Refused {...refused} />;
  if (missing.value) return <p class="empty">{missing.value}</p>;
  return View ? <View /> : null;
}

function TopBar() {
  useEffect(watch, []);
  const { view } = route.value;
  const user = me.value;
  const rescued = pulse.value?.rescued ?? 0;
  const links = NAV.filter(([v]) => !whyNot(v)).map(([v, name]) => (
    <a key={v} href={href({ view: v })} aria-current={v === view ? 'page' : undefined}>
      {name}
      {v === 'rescue' && rescued > 0 && (
        <span class="tag warn" title={many(rescued, 'rescued event')}>
          {int(rescued)}
          <span class="sr"> rescued events</span>
        </span>
      )}
      {v === 'status' && (pulse.value?.troubles ?? 0) > 0 && (
        <span class="tag err">
          {pulse.value?.troubles}
          <span class="sr"> troubles</span>
        </span>
      )}
    </a>
  ));
  return (
    <header class="top">
      <Popover
        icon="menu"
        tip="Views"
        class="burger"
        label={
          <>
            {NAV.find(([v]) => v === view)?.[1]}
            {(pulse.value?.troubles ?? 0) > 0 && (
              <>
                <span class="dot err" />
                <span class="sr">, {many(pulse.value?.troubles ?? 0, 'trouble')}: see Status</span>
              </>
            )}
          </>
        }
      >
        {(close) => (
          <nav class="menu" aria-label="Views" onClick={close}>
            {links}
          </nav>
        )}
      </Popover>
      <a class="brand" href={href({ view: 'explore', q: '', from: 'now-15m', to: 'now' })}>
        loggr
        {user?.installation && (
          <>
            <i />
            <span>{user.installation}</span>
          </>
        )}
      </a>
      <nav aria-label="Main">{links}</nav>
      <div class="right">
        <Connection />
        <Bell />
        <Button icon="sun" tip="Light or dark" onClick={toggleTheme} />
        <Button icon="help" tip="Keys and syntax (?)" onClick={openHelp} />
        <UserMenu />
      </div>
    </header>
  );
}

function Connection() {
  const down = offlineSince.value > 0;
  const p = pulse.value;
  return (
    <span class="conn" title="Events a second now">
      <span class={`dot ${down ? 'err' : 'ok'}`} />
      <span class="txt">
        {down ? 'No connection' : 'Connected'}
        {!down && p?.rate !== undefined && <span class="more-c num dim"> · {rate(p.rate)} events/s</span>}
      </span>
    </span>
  );
}

function UserMenu() {
  const user = me.value;
  if (!user) return null;
  const name = user.display || user.user;
  const loopback = user.via === 'loopback';
  const leave = async (path: string) => {
    await send('POST', path);
    // Who has gone is told the ways to come back.
    await refreshMe().catch(() => {
      me.value = null;
    });
  };
  return (
    <Popover
      icon="user"
      tip={`User ${name}`}
      label={<span class="hide-s">{loopback ? 'This machine' : name}</span>}
    >
      {(close) => (
        <Menu>
          <div class="grp">
            {loopback
              ? 'No users yet: everybody on this machine may do everything'
              : `${user.user}, ${user.role}`}
          </div>
          {user.filter && (
            <p class="grp">
              sees only <code>{user.filter}</code>
            </p>
          )}
          {user.hidden?.length ? (
            <p class="grp">
              does not see <code>{user.hidden.join(', ')}</code>
            </p>
          ) : null}
          <Entry
            onClick={() => {
              close();
              go({ view: 'settings', sub: 'saved' });
            }}
          >
            Saved searches
          </Entry>
          {user.via === 'session' && (
            <>
              <Entry
                onClick={() => {
                  close();
                  go({ view: 'settings', sub: 'me' });
                }}
              >
                Change password
              </Entry>
              <hr />
              <Entry onClick={() => void leave('logout')}>Log out</Entry>
              <Entry onClick={() => void leave('logout/all')}>Log out everywhere</Entry>
            </>
          )}
          <div class="grp">loggr {user.version}</div>
        </Menu>
      )}
    </Popover>
  );
}

/** Between two tries to reach the server. */
const FIRST_TRY_MS = 2000;
const LAST_TRY_MS = 30000;

function Offline(): ComponentChildren {
  const since = offlineSince.value;
  const [next, setNext] = useState(0);
  const wait = useRef(FIRST_TRY_MS);
  const attempt = async () => {
    try {
      await refreshMe();
      if (me.peek() && route.peek().view === 'explore') void search();
    } catch {
      wait.current = Math.min(LAST_TRY_MS, wait.current * 1.7);
      setNext(Date.now() + wait.current);
    }
  };
  useEffect(() => {
    if (!since) {
      wait.current = FIRST_TRY_MS;
      return;
    }
    setNext(Date.now() + wait.current);
  }, [since]);
  useEffect(() => {
    if (!since || !next) return;
    const timer = setTimeout(() => void attempt(), Math.max(0, next - Date.now()));
    return () => clearTimeout(timer);
  }, [since, next]);
  if (!since) return null;
  return (
    <div class="banner err" role="alert">
      <Icon name="warn" />
      <span>
        No connection to {location.host} for {span(Math.max(1000, tick.value - since))}. What is shown stays;
        next try in {span(Math.max(1000, next - tick.value))}.
      </span>
      <span class="push">
        <Button kind="plain" onClick={() => void attempt()}>
          Try now
        </Button>
      </span>
    </div>
  );
}
