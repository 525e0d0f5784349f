/** The start of the page: the address is read, who is there is asked, the frame is drawn. */
import { render } from 'preact';
import './theme.css';
import './styles/base.css';
import './styles/controls.css';
import './styles/shell.css';
import './styles/query.css';
import './styles/explore.css';
import './styles/list.css';
import './styles/pages.css';
import './styles/narrow.css';
import { me, refreshMe } from './api';
import { App } from './app';
import { RETURN_KEY } from './gate/gate';
import * as keys from './keys';
import { loadSaved, opened, saved } from './query/saved';
import { go, listen, route } from './url';

/** A saved search that the address names, or the reader's start page. */
async function begin(): Promise<void> {
  const bare = !location.hash.includes('?') && route.peek().view === 'explore';
  const named = route.peek().saved;
  if (!me.peek() || (!bare && !named)) return;
  await loadSaved();
  const it = saved.peek().find((s) => (named ? s.name === named : s.start && s.mine !== false));
  if (it) go(opened(it), 'replace');
}

async function start(): Promise<void> {
  const back = sessionStorage.getItem(RETURN_KEY);
  if (back) {
    sessionStorage.removeItem(RETURN_KEY);
    window.history.replaceState(null, '', back);
  }
  listen();
  keys.listen();
  document.querySelector('.skip')?.addEventListener('click', (ev) => {
    ev.preventDefault();
    document.querySelector<HTMLElement>('#main')?.focus();
  });
  await refreshMe().catch(() => undefined); // the banner says it
  await begin().catch(() => undefined); // the page opens without
  const app = document.querySelector('#app');
  if (app) {
    app.replaceChildren();
    render(<App />, app);
  }
}

void start();
