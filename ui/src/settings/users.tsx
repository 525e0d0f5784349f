/** Users: who may see this page, as what, and with which limits. */
import { me, send } from '../api';
import type { Role, User } from '../api-types';
import { many } from '../format';
import { Query } from '../query/coloured';
import { Button } from '../ui/button';
import { ask } from '../ui/dialog';
import { Check, Choice, checked, Field, secret, text } from '../ui/field';
import { Loading } from '../ui/loading';
import { Ago, Failure, Tag } from '../ui/marks';
import { toast } from '../ui/say';
import { Box, Table } from '../ui/table';
import { openForm } from './form';
import { useLoaded } from './load';
import { SightFields, sight } from './sight';

const BUILT_IN: Role[] = [
  { name: 'viewer', level: 'viewer' },
  { name: 'operator', level: 'operator' },
  { name: 'admin', level: 'admin' },
];
export const MIN_PASSWORD = 8;

export function Users() {
  const { data, failed, since, again } = useLoaded<{ users: User[] }>('users');
  const roles = useLoaded<{ roles: Role[] }>('roles').data?.roles ?? BUILT_IN;
  return (
    <Box
      title="Users"
      note="who may see this page"
      actions={
        <Button icon="plus" kind="plain" onClick={() => form(null, roles, again)}>
          New user
        </Button>
      }
    >
      <Failure what={failed} />
      <Loading since={since} />
      {me.value?.via === 'loopback' && data?.users.length === 0 && (
        <p class="pad sub">
          While there is no user, everybody on this machine may do everything, and nobody from elsewhere.
        </p>
      )}
      <Table
        label="Users"
        empty=""
        columns={[
          { title: 'Name' },
          { title: 'Role' },
          { title: 'Sees only', kind: 'full' },
          { title: 'Hidden fields' },
          { title: 'Made' },
          { title: '', kind: 'tight' },
        ]}
        rows={(data?.users ?? []).map((u) => ({
          key: u.name,
          cells: [
            <span class="gap names">
              <b>{u.display || u.name}</b>
              {u.display && u.display !== u.name && <span class="dim">{u.name}</span>}
              {u.disabled && <Tag tone="warn">locked</Tag>}
            </span>,
            u.role,
            <Query q={seen(u, roles).filter} />,
            seen(u, roles).hidden.length ? (
              <code>{seen(u, roles).hidden.join(', ')}</code>
            ) : (
              <span class="dim">none</span>
            ),
            <Ago at={u.created} />,
            <span class="gap">
              <Button onClick={() => form(u, roles, again)}>Edit</Button>
              {u.name !== me.value?.user && (
                <>
                  {!!u.sessions && <Button onClick={() => logOut(u, again)}>Log out</Button>}
                  <Button onClick={() => remove(u, again)}>Remove</Button>
                </>
              )}
            </span>,
          ],
        }))}
      />
    </Box>
  );
}

/** What holds for a user: their own filter and hidden fields, and those of their role. */
export function seen(u: User, roles: readonly Role[]): { filter: string; hidden: string[] } {
  const both = [u, roles.find((role) => role.name === u.role)];
  const filters = both.map((of) => of?.filter).filter((q): q is string => !!q);
  return {
    filter: filters.length > 1 ? filters.map((q) => `(${q})`).join(' ') : (filters[0] ?? ''),
    hidden: [...new Set(both.flatMap((of) => of?.hidden ?? []))],
  };
}

function form(u: User | null, roles: readonly Role[], done: () => Promise<void>): void {
  openForm({
    title: u ? `User ${u.name}` : 'New user',
    verb: u ? 'Save' : 'Create the user',
    children: (
      <>
        {!u && <Field label="Name" name="name" required autoComplete="off" />}
        <Field label="Shown as" name="display" value={u?.display ?? ''} autoComplete="off" />
        <Choice
          label="Role"
          name="role"
          value={u?.role ?? 'viewer'}
          options={roles.map((r) => [r.name, r.name])}
        />
        <Field
          label={u ? 'New password; empty: as it is' : 'Password'}
          name="password"
          type="password"
          required={!u}
          minLength={MIN_PASSWORD}
          autoComplete="new-password"
          note={`At least ${MIN_PASSWORD} characters`}
        />
        <SightFields of={u} />
        {u && <Check label="Locked: may not log in" name="disabled" checked={!!u.disabled} />}
      </>
    ),
    onSubmit: async (f) => {
      const password = secret(f, 'password');
      const body = {
        display: text(f, 'display'),
        role: text(f, 'role'),
        ...sight(f),
        ...(password ? { password } : {}),
      };
      if (u)
        await send('PATCH', `users/${encodeURIComponent(u.name)}`, {
          ...body,
          disabled: checked(f, 'disabled'),
        });
      else await send('POST', 'users', { ...body, name: text(f, 'name') });
      toast(u ? 'Saved' : 'The user is there');
      await done();
    },
  });
}

function logOut(u: User, done: () => Promise<void>): void {
  ask({
    title: `Log “${u.name}” out everywhere?`,
    yes: 'Log out',
    bad: true,
    children: <p>{many(u.sessions ?? 0, 'session')} end now. Tokens stay good.</p>,
    onYes: async () => {
      await send('POST', `users/${encodeURIComponent(u.name)}/logout`);
      toast('Logged out');
      await done();
    },
  });
}

function remove(u: User, done: () => Promise<void>): void {
  ask({
    title: `Remove “${u.name}”?`,
    yes: 'Remove',
    bad: true,
    children: <p>Their sessions end now. Their shared searches stay.</p>,
    onYes: async () => {
      await send('DELETE', `users/${encodeURIComponent(u.name)}`);
      toast('Removed');
      await done();
    },
  });
}
