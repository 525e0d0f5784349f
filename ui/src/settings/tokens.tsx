/** Tokens: for programs. The secret is shown once, when it is made. */
import { send } from '../api';
import type { ApiToken, Role } from '../api-types';
import { clean } from '../list/text';
import { zone } from '../prefs';
import { stamp } from '../time';
import { Button } from '../ui/button';
import { ask, closeDialog, Dialog, openDialog } from '../ui/dialog';
import { Choice, Field, text } from '../ui/field';
import { Loading } from '../ui/loading';
import { Ago, Failure, Tag } from '../ui/marks';
import { copy, toast } from '../ui/say';
import { Box, Table } from '../ui/table';
import { openForm } from './form';
import { useLoaded } from './load';

export function Tokens() {
  const { data, failed, since, again } = useLoaded<{ tokens: ApiToken[] }>('tokens');
  const roles = useLoaded<{ roles: Role[] }>('roles').data?.roles.map((r) => r.name) ?? [
    'viewer',
    'operator',
    'admin',
  ];
  const ended = (t: ApiToken) => t.over ?? (!!t.expires && Date.parse(t.expires) < Date.now());
  return (
    <Box
      title="Tokens"
      note="for programs; shown once, when created"
      actions={
        <Button icon="plus" kind="plain" onClick={() => form(roles, again)}>
          New token
        </Button>
      }
    >
      <Failure what={failed} />
      <Loading since={since} />
      <Table
        label="Tokens"
        empty={data ? 'No token yet. A program needs one to ask the API from another host.' : ''}
        columns={[
          { title: 'Name', kind: 'full' },
          { title: 'Role' },
          { title: 'Owner' },
          { title: 'Created' },
          { title: 'Expires' },
          { title: 'Last used' },
          { title: '', kind: 'tight' },
        ]}
        rows={(data?.tokens ?? []).map((t) => ({
          key: t.id,
          cells: [
            <b>{clean(t.name, 200)}</b>,
            t.role,
            t.owner ?? <span class="dim">nobody</span>,
            <Ago at={t.created} />,
            ended(t) ? (
              <Tag tone="err">expired</Tag>
            ) : t.expires ? (
              stamp(Date.parse(t.expires), 'day', zone.value)
            ) : (
              <span class="dim">never</span>
            ),
            <Ago at={t.used} />,
            <Button class="err" onClick={() => revoke(t, again)}>
              Revoke
            </Button>,
          ],
        }))}
      />
    </Box>
  );
}

function form(roles: readonly string[], done: () => Promise<void>): void {
  openForm({
    title: 'New token',
    verb: 'Create the token',
    children: (
      <>
        <Field label="Name" name="name" required autoComplete="off" note="What will use it" />
        <Choice label="Role" name="role" value="viewer" options={roles.map((r) => [r, r])} />
        <Field label="Expires on (empty: never)" name="expires" type="date" />
      </>
    ),
    onSubmit: async (f) => {
      const day = text(f, 'expires');
      const body = { name: text(f, 'name'), role: text(f, 'role'), expires: day ? `${day}T00:00:00Z` : null };
      const made = await send<{ id: string; token: string }>('POST', 'tokens', body);
      await done();
      show(made.token);
    },
  });
}

function show(token: string): void {
  openDialog(() => (
    <Dialog
      title="The token"
      footer={
        <Button
          kind="primary"
          size="normal"
          onClick={() => {
            void copy(token, 'the token').then(closeDialog);
          }}
        >
          Copy and close
        </Button>
      }
    >
      <p>Copy it now. It is not shown again; only its hash is kept.</p>
      <code class="card raw any pad">{token}</code>
      <p class="sub">
        Used as <code>loggr search --url {location.origin} --token …</code>
      </p>
    </Dialog>
  ));
}

function revoke(t: ApiToken, done: () => Promise<void>): void {
  ask({
    title: `Revoke “${clean(t.name, 200)}”?`,
    yes: 'Revoke',
    no: 'Keep it',
    bad: true,
    children: <p>Requests with this token fail from now on.</p>,
    onYes: async () => {
      await send('DELETE', `tokens/${encodeURIComponent(t.id)}`);
      toast('Revoked');
      await done();
    },
  });
}
