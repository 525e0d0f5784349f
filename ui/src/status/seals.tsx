/** What listeners, machines and shippers have found of seals, and what the seal of an event is for. */
import type { SealStatus } from '../api-types';
import { int } from '../format';
import { clean } from '../list/text';
import { Box, Table } from '../ui/table';
import { href } from '../url';

const KIND: Record<string, string> = { ship: 'shipper' };
/** Finds the events of which a seal is broken. */
const BROKEN = 'defect:bad_hmac';

export function Seals({ seals }: { seals: readonly SealStatus[] }) {
  if (!seals.length) return null;
  return (
    <Box title="Seals" note="they show whether an event was changed; counted since the start">
      <Table
        label="Seals"
        columns={[
          { title: 'Looked at by' },
          { title: 'Good', kind: 'num' },
          { title: 'Broken', kind: 'num' },
          { title: 'Without a seal', kind: 'num' },
          { title: 'Sealed here', kind: 'num' },
          { title: 'Sent to the rescue', kind: 'num' },
        ]}
        rows={seals.map((s) => ({
          key: `${s.process ?? ''} ${s.kind} ${s.name}`,
          cells: [
            <b>{clean(`${KIND[s.kind] ?? s.kind} ${s.name}`, 80)}</b>,
            int(s.good),
            s.broken ? (
              <a class="err" href={href({ view: 'explore', q: BROKEN, from: 'now-24h', to: 'now' })}>
                {int(s.broken)}
              </a>
            ) : (
              '0'
            ),
            int(s.unsealed),
            int(s.signed),
            s.refused ? <a href={href({ view: 'rescue' })}>{int(s.refused)}</a> : '0',
          ],
        }))}
      />
    </Box>
  );
}
