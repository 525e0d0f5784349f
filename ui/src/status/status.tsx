/** Status: what flows where, whether it balances, who sends, what is wrong. Live. */
import { signal } from '@preact/signals';
import { useEffect, useState } from 'preact/hooks';
import { feed, get, sentence } from '../api';
import type { Installation } from '../api-types';
import { bytes, int, many, span } from '../format';
import { clean } from '../list/text';
import { feel } from '../pulse';
import { Icon } from '../ui/icon';
import { Loading } from '../ui/loading';
import { Ago, Empty, Tag, Ticks } from '../ui/marks';
import { Box, Table } from '../ui/table';
import { Balance } from './balance';
import { Clients, Silent } from './clients';
import { Followed, Harvests } from './files';
import { flow } from './flow';
import { Certificates, Targets } from './forwarding';
import { counters, nodeId, Rates } from './rates';
import { Seals } from './seals';
import { Topology } from './topology';
import { howMany, plain, troubles } from './troubles';

const status = signal<Installation | null>(null);
const rates = new Rates();

function take(s: Installation): void {
  rates.add(Date.now(), counters(s));
  status.value = s;
  feel(s);
}

export function Status() {
  const [failed, setFailed] = useState('');
  const [live, setLive] = useState(false);
  const [begun] = useState(Date.now);
  useEffect(() => {
    get<Installation>('status')
      .then(take)
      .catch((error) => setFailed(sentence(error)));
    return feed(
      'api/status/feed',
      {
        status: (data) => {
          setLive(true);
          setFailed('');
          take(data as Installation);
        },
      },
      () => setLive(false),
    );
  }, []);
  const s = status.value;
  if (!s) {
    return failed ? (
      <Empty title="The status cannot be shown">{failed}</Empty>
    ) : (
      <p class="page">
        <Loading since={begun} />
      </p>
    );
  }
  const wrong = troubles(s);
  const machines = s.machines.filter((m) => m.rules?.length);
  return (
    <div class="page">
      <header>
        <h1>Status</h1>
        {howMany(s) > 0 ? (
          <Tag tone="err" dot>
            {many(howMany(s), 'trouble')}
          </Tag>
        ) : (
          <Tag tone="ok" dot>
            no trouble
          </Tag>
        )}
        <span class="push sub">
          {live ? 'Live' : 'Not live'} · {processes(s)}
          {s.disks.map((d) => (
            <span key={d.name} title={clean(d.name)}>
              {' '}
              · {bytes(d.free_bytes)} free{lasts(s, d.free_bytes)}
            </span>
          ))}
        </span>
      </header>
      <Balance status={s} />
      <Box title="Flow" note="events a second, over the last 10 s" actions={<Legend />}>
        {wrong.map((w) => (
          <p class="banner err" key={w}>
            <Icon name="warn" />
            <span>
              <Ticks text={clean(w, 600)} />
            </span>
          </p>
        ))}
        <Topology flow={flow(s)} rateOf={(id) => rates.of(id)} />
      </Box>
      <div class="two">
        <Clients listeners={s.listeners} />
        <Silent listeners={s.listeners} />
      </div>
      <Followed listeners={s.listeners} />
      <Harvests harvests={s.harvests ?? []} />
      <Targets ships={s.ships} />
      <Certificates certificates={s.certificates ?? []} />
      <Seals seals={s.seals ?? []} />
      {machines.map((m) => (
        <Box
          key={nodeId('machine', m.name, m.process)}
          title={`Filter of ${clean(m.name)}`}
          note={`${clean(m.filter ?? '')}, what each rule did since the start`}
        >
          <Table
            label={`Rules of ${m.name}`}
            columns={[
              { title: 'Line', kind: 'num' },
              { title: 'Rule', kind: 'full' },
              { title: 'Reached', kind: 'num' },
              { title: 'Did', kind: 'num' },
              { title: 'Failed', kind: 'num' },
              { title: 'Mean', kind: 'num' },
            ]}
            rows={(m.rules ?? []).map((r, i) => ({
              key: `${r.line} ${i}`,
              cells: [
                <span class="dim">{r.line}</span>,
                <code class="rule">{clean(r.rule, 400)}</code>,
                int(r.reached),
                int(r.did),
                r.failed ? <strong class="warn">{int(r.failed)}</strong> : '0',
                mean(r.mean_nanos),
              ],
            }))}
          />
        </Box>
      ))}
      <div class="two">
        <Box title="Processes" note="and what each may do on its host">
          <Table
            label="Processes"
            columns={[
              { title: 'Component' },
              { title: 'Host' },
              { title: 'Version' },
              { title: 'Up', kind: 'num' },
              { title: 'State' },
            ]}
            rows={s.processes.map((p) => ({
              key: p.id,
              note: p.privileges && <span class="sub any">runs as {clean(p.privileges, 2000)}</span>,
              cells: [
                <b>{[p.component, p.name].filter(Boolean).join(' ') || p.id}</b>,
                `${p.host ?? '–'}${p.pid ? ` ${p.pid}` : ''}`,
                p.version && p.version !== s.version ? (
                  <Tag tone="warn">{p.version}</Tag>
                ) : (
                  (p.version ?? '–')
                ),
                p.uptime_seconds ? span(p.uptime_seconds * 1000) : '–',
                <Tag tone={p.state === 'running' ? 'ok' : p.state === 'late' ? 'warn' : 'err'} dot>
                  {p.state}
                </Tag>,
              ],
            }))}
          />
        </Box>
        <Box title="Stores">
          <Table
            label="Stores"
            columns={[
              { title: 'Store' },
              { title: 'Events', kind: 'num' },
              { title: 'Size', kind: 'num' },
              { title: 'Newest', kind: 'num' },
              { title: 'State' },
            ]}
            rows={s.stores.map((x) => ({
              key: nodeId('store', x.name, x.process),
              note: x.trouble && <span class="err">{clean(plain(x.trouble), 600)}</span>,
              cells: [
                <b>{clean(x.name)}</b>,
                x.events === undefined ? '–' : int(x.events),
                x.bytes === undefined ? '–' : bytes(x.bytes),
                <Ago at={x.newest} />,
                x.trouble || x.damaged ? (
                  <Tag tone="err">{x.damaged ? `${x.damaged} damaged` : 'trouble'}</Tag>
                ) : (
                  <Tag tone="ok" dot>
                    OK
                  </Tag>
                ),
              ],
            }))}
          />
        </Box>
      </div>
    </div>
  );
}

function Legend() {
  return (
    <>
      <Tag>solid: flows</Tag>
      <Tag tone="warn">dashed: backs up</Tag>
      <Tag tone="err">dotted: failing</Tag>
    </>
  );
}

function processes(s: Installation): string {
  const hosts = new Set(s.processes.map((p) => p.host).filter(Boolean));
  return `${many(s.processes.length, 'process', 'processes')} on ${many(hosts.size, 'host')}`;
}

/** Who has room for longer need not know for how long. */
const YEARS = 3 * 365 * 86400;

/** For how long the disk lasts at the rate of now, by the size that events have in the stores. */
function lasts(s: Installation, free: number): string {
  const events = s.stores.reduce((n, x) => n + (x.events ?? 0), 0);
  const size = s.stores.reduce((n, x) => n + (x.bytes ?? 0), 0);
  const sources = [
    ...s.listeners.map((l) => nodeId('listener', l.name, l.process)),
    ...(s.harvests ?? []).map((h) => nodeId('harvest', h.name, h.process)),
  ];
  const now = sources.reduce((n, id) => n + (rates.of(id) ?? 0), 0);
  if (!events || !size || now < 0.1) return '';
  const seconds = free / ((size / events) * now);
  return seconds > YEARS ? ', lasts for years' : `, lasts ${span(seconds * 1000)} at this rate`;
}

function mean(nanos: number | null | undefined): string {
  if (nanos === null || nanos === undefined) return '–';
  return nanos >= 1000 ? `${(nanos / 1000).toFixed(1)} µs` : `${nanos} ns`;
}
