/** Roles: a level, a query that is added to all that its holders ask, fields that they do not see. */

import { send } from '../api';
import type { Role } from '../api-types';
import { Query } from '../query/coloured';
import { Button } from '../ui/button';
import { ask } from '../ui/dialog';
import { Choice, Field, text } from '../ui/field';
import { Loading } from '../ui/loading';
import { Failure } from '../ui/marks';
import { toast } from '../ui/say';
import { Box, Table } from '../ui/table';
import { openForm } from './form';
import { useLoaded } from './load';
import { SightFields, sight } from './sight';

const LEVELS = [
  ['viewer', 'Viewer: search'],
  ['operator', 'Operator: also rescue, purge, upload'],
  ['admin', 'Admin: also users and tokens'],
] as const;
const BUILT_IN = ['viewer', 'operator', 'admin'];

export function Roles() {
  const { data, failed, since, again } = useLoaded<{ roles: Role[] }>('roles');
  return (
    <Box
      title="Roles"
      note="the filter is added to every search of their holders, on the server"
      actions={
        <Button icon="plus" kind="plain" onClick={() => form(null, again)}>
          New role
        </Button>
      }
    >
      <Failure what={failed} />
      <Loading since={since} />
      <Table
        label="Roles"
        empty={data ? 'No role yet.' : ''}
        columns={[
          { title: 'Name' },
          { title: 'Level' },
          { title: 'Sees only', kind: 'full' },
          { title: 'Hidden fields' },
          { title: '', kind: 'tight' },
        ]}
        rows={(data?.roles ?? []).map((r) => ({
          key: r.name,
          cells: [
            r.trouble ? (
              <>
                <b>{r.name}</b>
                <p class="note err">{r.trouble}</p>
              </>
            ) : (
              <b>{r.name}</b>
            ),
            r.level,
            <Query q={r.filter ?? ''} />,
            r.hidden?.length ? <code>{r.hidden.join(', ')}</code> : <span class="dim">none</span>,
            r.built_in || BUILT_IN.includes(r.name) ? (
              <span class="dim">built in</span>
            ) : (
              <span class="gap">
                <Button onClick={() => form(r, again)}>Edit</Button>
                <Button onClick={() => remove(r, again)}>Remove</Button>
              </span>
            ),
          ],
        }))}
      />
    </Box>
  );
}

function form(r: Role | null, done: () => Promise<void>): void {
  openForm({
    title: r ? `Role ${r.name}` : 'New role',
    verb: r ? 'Save' : 'Create the role',
    children: (
      <>
        {!r && <Field label="Name" name="name" required autoComplete="off" />}
        <Choice label="Level" name="level" value={r?.level ?? 'viewer'} options={LEVELS} />
        <SightFields of={r} />
      </>
    ),
    onSubmit: async (f) => {
      const name = r?.name ?? text(f, 'name');
      const body = {
        name,
        level: text(f, 'level'),
        ...sight(f),
      };
      if (r) await send('PUT', `roles/${encodeURIComponent(name)}`, body);
      else await send('POST', 'roles', body);
      toast(r ? 'Saved' : 'The role is there');
      await done();
    },
  });
}

function remove(r: Role, done: () => Promise<void>): void {
  ask({
    title: `Remove role “${r.name}”?`,
    yes: 'Remove',
    bad: true,
    children: <p>A role that somebody has cannot be removed.</p>,
    onYes: async () => {
      await send('DELETE', `roles/${encodeURIComponent(r.name)}`);
      toast('Removed');
      await done();
    },
  });
}
