/** Saved searches: the list of them, the menu behind the star, and how one is saved. */
import { signal } from '@preact/signals';
import { get, send } from '../api';
import type { NewSaved, Saved } from '../api-types';
import { shownColumns } from '../explore/act';
import { clean } from '../list/text';
import { zone } from '../prefs';
import { rangeName } from '../time';
import { Button } from '../ui/button';
import { closeDialog, Dialog, openDialog } from '../ui/dialog';
import { Check, checked, Field, text } from '../ui/field';
import { Entry, Menu, Popover } from '../ui/popover';
import { toast } from '../ui/say';
import { go, type Route, route } from '../url';
import { Query } from './coloured';

export const saved = signal<readonly Saved[]>([]);

export async function loadSaved(): Promise<void> {
  saved.value = (await get<{ saved: Saved[] }>('saved')).saved;
}

/** What the address becomes when a saved search is opened. */
export function opened(s: Saved): Partial<Route> {
  return {
    view: s.view ?? 'explore',
    sub: '',
    q: s.q,
    from: s.from || 'now-15m',
    to: s.to || 'now',
    cols: s.cols?.length ? s.cols : null,
    id: '',
    tail: false,
    saved: '',
  };
}

export function SavedMenu() {
  return (
    <Popover icon="star" tip="Saved searches">
      {(close) => (
        <Menu>
          <div class="grp">Saved searches</div>
          {saved.value.map((s) => (
            <Entry
              key={`${s.owner} ${s.name}`}
              note={s.start ? 'start page' : s.shared ? 'shared' : 'mine'}
              onClick={() => {
                close();
                go(opened(s));
              }}
            >
              {clean(s.name, 200)}
            </Entry>
          ))}
          {saved.value.length === 0 && <p class="grp">None yet</p>}
          <hr />
          <Entry
            icon="plus"
            onClick={() => {
              close();
              openSave();
            }}
          >
            Save this search…
          </Entry>
          <Entry
            onClick={() => {
              close();
              go({ view: 'settings', sub: 'saved' });
            }}
          >
            Manage…
          </Entry>
        </Menu>
      )}
    </Popover>
  );
}

/** Whose a search is, the server knows; it is not sent. */
export async function save({
  owner: _,
  mine: __,
  removable: ___,
  ...s
}: NewSaved & Partial<Saved>): Promise<void> {
  if (saved.peek().some((x) => x.name === s.name && x.mine !== false)) {
    await send('PUT', `saved/${encodeURIComponent(s.name)}`, s);
  } else await send('POST', 'saved', s);
  await loadSaved();
}

export function openSave(): void {
  const r = route.peek();
  const keep = async (form: HTMLFormElement) => {
    await save({
      name: text(form, 'name'),
      q: r.q,
      from: r.from,
      to: r.to,
      cols: shownColumns(),
      view: r.view === 'patterns' ? 'patterns' : 'explore',
      shared: checked(form, 'shared'),
      start: checked(form, 'start'),
    });
    toast('Saved');
  };
  openDialog(() => (
    <Dialog
      title="Save this search"
      onSubmit={keep}
      footer={
        <>
          <Button kind="plain" size="normal" onClick={closeDialog}>
            Cancel
          </Button>
          <Button kind="primary" size="normal" submit>
            Save
          </Button>
        </>
      }
    >
      <Field label="Name" name="name" required value={r.q.slice(0, 40) || 'Everything'} />
      <div class="field">
        <span>What is saved</span>
        <div class="note">
          <Query q={r.q} />
          <br />
          {rangeName(r, Date.now(), zone.value)} · columns: {shownColumns().join(', ') || 'none'}
        </div>
      </div>
      <Check label="Everybody may see it" name="shared" />
      <Check label="My start page" name="start" />
    </Dialog>
  ));
}
