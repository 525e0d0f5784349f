/** Who is connected, and who has fallen silent. */
import type { ListenerStatus } from '../api-types';
import { int, many, span } from '../format';
import { barePeer } from '../list/event';
import { clean } from '../list/text';
import { term } from '../query/rewrite';
import { Ago, Tag, tick } from '../ui/marks';
import { Box, Table } from '../ui/table';
import { href } from '../url';

/** Connections that are listed. */
const MOST_CLIENTS = 100;

export function Clients({ listeners }: { listeners: readonly ListenerStatus[] }) {
  const open = listeners.reduce((n, l) => n + l.connections, 0);
  const clients = listeners.flatMap((l) =>
    (l.clients ?? []).map((c) => ({ ...c, listener: l.name, seen: c.last_seen ?? seen(l, c.peer) })),
  );
  return (
    <Box
      title="Clients"
      note={`${many(open, 'connection')}${clients.length < open ? `, ${clients.length} shown` : ''}`}
    >
      {clients.length ? (
        <Table
          label="Clients"
          columns={[
            { title: 'Client' },
            { title: 'Listener' },
            { title: 'TLS' },
            { title: 'Events', kind: 'num' },
            { title: 'Connected', kind: 'num' },
            { title: 'Last seen', kind: 'num' },
          ]}
          rows={clients.slice(0, MOST_CLIENTS).map((c) => ({
            key: `${c.listener} ${c.peer}`,
            cells: [
              <a
                href={href({ view: 'explore', q: term('peer', barePeer(c.peer)), from: 'now-1h', to: 'now' })}
              >
                {clean(c.peer, 100)}
              </a>,
              clean(c.listener, 60),
              c.tls_name ? (
                <Tag tone="ok">{clean(c.tls_name, 80)}</Tag>
              ) : c.tls ? (
                <Tag tone="ok">yes</Tag>
              ) : (
                <span class="dim">no</span>
              ),
              c.events === undefined ? <span class="dim">–</span> : int(c.events),
              span(c.seconds * 1000),
              c.seen ? <Ago at={c.seen * 1000} /> : <span class="dim">–</span>,
            ],
          }))}
        />
      ) : (
        <p class="pad sub">Nobody is connected. Datagrams need no connection.</p>
      )}
    </Box>
  );
}

function seen(l: ListenerStatus, peer: string): number | undefined {
  return l.senders?.find((x) => x.name === barePeer(peer))?.last_seen;
}

/** A sender that was heard is silent after so long. */
const SILENT_MINUTES = 10;
const SILENT_MS = SILENT_MINUTES * 60000;

export function Silent({ listeners }: { listeners: readonly ListenerStatus[] }) {
  const now = tick.value;
  const silent = listeners
    .flatMap((l) => (l.senders ?? []).map((x) => ({ ...x, listener: l.name })))
    .filter((x) => now - x.last_seen * 1000 > SILENT_MS)
    .sort((a, b) => a.last_seen - b.last_seen);
  return (
    <Box title="Silent senders" note={`nothing has come for ${SILENT_MINUTES} minutes`}>
      {silent.length ? (
        <Table
          label="Silent senders"
          columns={[{ title: 'Sender' }, { title: 'Listener' }, { title: 'Last seen', kind: 'num' }]}
          rows={silent.slice(0, MOST_CLIENTS).map((x) => ({
            key: `${x.listener} ${x.name}`,
            cells: [<b>{clean(x.name, 100)}</b>, clean(x.listener, 60), <Ago at={x.last_seen * 1000} />],
          }))}
        />
      ) : (
        <p class="pad sub">
          {listeners.some((l) => l.senders?.length)
            ? `Every sender was heard in the last ${SILENT_MINUTES} minutes.`
            : 'Nobody has sent anything yet.'}
        </p>
      )}
    </Box>
  );
}
