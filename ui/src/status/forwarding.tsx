/** Where events are handed on to, and until when certificates are valid. */
import type { CertificateStatus, ShipStatus, TargetStatus } from '../api-types';
import { int } from '../format';
import { clean } from '../list/text';
import { Ago, Tag, Ticks } from '../ui/marks';
import { Box, Table } from '../ui/table';
import { plain } from './troubles';

/** Days before the end of a certificate at which it is pointed at, as loggr does. */
const SOON_DAYS = 30;

export function Targets({ ships }: { ships: readonly ShipStatus[] }) {
  const forwarders = ships.filter((s) => s.forward);
  if (!forwarders.length) return null;
  return (
    <Box title="Targets" note="other servers to which events are handed on">
      <Table
        label="Targets"
        columns={[
          { title: 'Target' },
          { title: 'Shipper' },
          { title: 'State' },
          { title: 'Since', kind: 'num' },
          { title: 'TLS' },
          { title: 'Certificate', kind: 'num' },
          { title: 'Compressed' },
          { title: 'Sent', kind: 'num' },
          { title: 'Refused', kind: 'num' },
          { title: 'Unacknowledged', kind: 'num' },
        ]}
        rows={forwarders.flatMap((s) =>
          (s.forward?.targets ?? []).map((t) => ({
            key: `${s.process ?? ''} ${s.name} ${t.address}`,
            note: t.trouble && <Why trouble={t.trouble} />,
            cells: [
              <b>{clean(t.address, 100)}</b>,
              clean(s.name, 60),
              <State target={t} />,
              <Ago at={t.since} />,
              t.tls ? (
                <Tag tone={t.trouble ? '' : 'ok'}>{clean(t.tls, 80)}</Tag>
              ) : (
                <span class="dim">no</span>
              ),
              <Days left={t.certificate_days_left} />,
              compressed(t),
              int(t.sent),
              t.refused ? <strong class="warn">{int(t.refused)}</strong> : '0',
              int(t.unacknowledged),
            ],
          })),
        )}
      />
    </Box>
  );
}

function State({ target: t }: { target: TargetStatus }) {
  const tone = t.state === 'failing' ? 'err' : t.state === 'in use' ? 'ok' : '';
  return (
    <Tag tone={tone} dot>
      {clean(t.state, 20)}
    </Tag>
  );
}

/** What is wrong, and what to do. */
function Why({ trouble }: { trouble: string }) {
  return (
    <span class="err">
      <Ticks text={clean(plain(trouble), 600)} />
    </span>
  );
}

function Days({ left }: { left: number | null | undefined }) {
  if (left === null || left === undefined) return <span class="dim">–</span>;
  if (left < 0) return <strong class="err">ended</strong>;
  const text = left === 1 ? '1 day left' : `${int(left)} days left`;
  return left < SOON_DAYS ? <strong class="warn">{text}</strong> : <span>{text}</span>;
}

function Validity({ certificate: c }: { certificate: CertificateStatus }) {
  if (c.trouble || (c.ends && c.days_left < 0))
    return (
      <Tag tone="err" dot>
        trouble
      </Tag>
    );
  return c.ends && c.days_left < SOON_DAYS ? (
    <Tag tone="warn" dot>
      ends soon
    </Tag>
  ) : (
    <Tag tone="ok" dot>
      OK
    </Tag>
  );
}

/** How much smaller, or why not. */
function compressed(t: TargetStatus) {
  if (!t.compression) return <span class="dim">no</span>;
  if (t.compression !== 'zstd') return <Tag tone="warn">{clean(t.compression, 60)}</Tag>;
  return t.sent_bytes ? `zstd, ${(t.plain_bytes / t.sent_bytes).toFixed(1)} : 1` : 'zstd';
}

export function Certificates({ certificates }: { certificates: readonly CertificateStatus[] }) {
  if (!certificates.length) return null;
  return (
    <Box title="Certificates" note="with which loggr says who it is">
      <Table
        label="Certificates"
        columns={[
          { title: 'Shown by' },
          { title: 'Name' },
          { title: 'Valid', kind: 'num' },
          { title: 'State' },
        ]}
        rows={certificates.map((c) => ({
          key: `${c.process ?? ''} ${c.place}`,
          note: c.trouble && <Why trouble={c.trouble} />,
          cells: [
            <b>{clean(c.place.replaceAll('`', ''), 80)}</b>,
            c.name ? clean(c.name, 100) : <span class="dim">none</span>,
            c.ends ? <Days left={c.days_left} /> : <span class="dim">–</span>,
            <Validity certificate={c} />,
          ],
        }))}
      />
    </Box>
  );
}
