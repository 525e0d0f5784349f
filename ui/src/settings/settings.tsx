/** Settings: who may do what, tokens for programs, saved searches. One file each. */
import type { FunctionComponent } from 'preact';
import { me } from '../api';
import { Refused, whyNot } from '../gate/refused';
import { href, route } from '../url';
import { Own } from './own';
import { Roles } from './roles';
import { SavedSearches } from './saved';
import { Tokens } from './tokens';
import { Users } from './users';

const PARTS: readonly { sub: string; name: string; View: FunctionComponent; may: () => boolean }[] = [
  { sub: 'saved', name: 'Saved searches', View: SavedSearches, may: () => true },
  { sub: 'me', name: 'Your log-in', View: Own, may: () => me.value?.via === 'session' },
  { sub: 'users', name: 'Users', View: Users, may: () => !whyNot('users') },
  { sub: 'roles', name: 'Roles', View: Roles, may: () => !whyNot('roles') },
  { sub: 'tokens', name: 'Tokens', View: Tokens, may: () => true },
];

export function Settings() {
  const parts = PARTS.filter((p) => p.may());
  const { sub } = route.value;
  const refused = sub === 'users' || sub === 'roles' ? whyNot(sub) : null;
  const part = parts.find((p) => p.sub === sub) ?? parts[0];
  return (
    <div class="page">
      <header>
        <h1>Settings</h1>
        <span class="sub">loggr {me.value?.version}</span>
      </header>
      <div class="setgrid">
        <nav class="setnav" aria-label="Settings">
          {parts.map((p) => (
            <a
              key={p.sub}
              href={href({ view: 'settings', sub: p.sub })}
              aria-current={p === part && !refused ? 'page' : undefined}
            >
              {p.name}
            </a>
          ))}
        </nav>
        <div class="setpart">{refused ? <Refused {...refused} /> : part && <part.View />}</div>
      </div>
    </div>
  );
}
