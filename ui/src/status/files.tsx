/** The files that are read: those that listeners follow, and those that are uploaded for harvests. */
import type { HarvestedFile, HarvestStatus, ListenerStatus } from '../api-types';
import { bytes, int, many, span } from '../format';
import { clean } from '../list/text';
import { Ago, Tag, Ticks } from '../ui/marks';
import { Box, Table } from '../ui/table';
import { plain } from './troubles';

/** Single files in trouble that are named; the others are counted. */
const MOST_NAMED = 5;

export function Followed({ listeners }: { listeners: readonly ListenerStatus[] }) {
  const reading = listeners.flatMap((l) => (l.files ? [{ ...l, files: l.files }] : []));
  if (!reading.length) return null;
  return (
    <Box title="Files" note="that listeners follow; truncations and gaps since the start">
      <Table
        label="Files"
        columns={[
          { title: 'Listener' },
          { title: 'Watched', kind: 'num' },
          { title: 'Open', kind: 'num' },
          { title: 'To be read', kind: 'num' },
          { title: 'Oldest unread', kind: 'num' },
          { title: 'Truncated', kind: 'num' },
          { title: 'Gaps', kind: 'num' },
          { title: 'Missing', kind: 'num' },
        ]}
        rows={reading.map(({ files: f, ...l }) => ({
          key: `${l.process ?? ''} ${l.name}`,
          note: f.troubles.length > 0 && <Single troubles={f.troubles} />,
          cells: [
            <b>{clean(l.name, 60)}</b>,
            f.watched ? int(f.watched) : <Tag tone="warn">none yet</Tag>,
            int(f.open),
            bytes(f.bytes_behind),
            f.bytes_behind ? span(f.oldest_seconds * 1000) : <span class="dim">–</span>,
            f.truncated ? <strong class="warn">{int(f.truncated)}</strong> : '0',
            f.gaps ? <strong class="err">{int(f.gaps)}</strong> : '0',
            f.gap_bytes ? <strong class="err">{bytes(f.gap_bytes)}</strong> : '0',
          ],
        }))}
      />
    </Box>
  );
}

function Single({ troubles }: { troubles: readonly string[] }) {
  const more = troubles.length - MOST_NAMED;
  return (
    <>
      {troubles.slice(0, MOST_NAMED).map((said) => (
        <span class="err block" key={said}>
          <Ticks text={clean(plain(said), 600)} />
        </span>
      ))}
      {more > 0 && <span class="sub">and {many(more, 'other file')}</span>}
    </>
  );
}

export function Harvests({ harvests }: { harvests: readonly HarvestStatus[] }) {
  if (!harvests.length) return null;
  return (
    <Box title="Harvests" note="directories into which files are uploaded; counted since the start">
      <Table
        label="Harvests"
        columns={[
          { title: 'Harvest' },
          { title: 'Directory' },
          { title: 'State' },
          { title: 'Waiting', kind: 'num' },
          { title: 'In hand', kind: 'num' },
          { title: 'Done', kind: 'num' },
          { title: 'Failed', kind: 'num' },
          { title: 'Lines', kind: 'num' },
          { title: 'Last file', kind: 'num' },
        ]}
        rows={harvests.map((h) => ({
          key: `${h.process ?? ''} ${h.name}`,
          note: <Last harvest={h} />,
          cells: [
            <b>{clean(h.name, 60)}</b>,
            clean(h.directory, 200),
            <State harvest={h} />,
            <span title={h.temporary ? `${many(h.temporary, 'more')} with temporary names` : undefined}>
              {int(h.waiting)}
            </span>,
            int(h.in_hand),
            <span title={h.again ? `and ${many(h.again, 'file')} again, which gave no events` : undefined}>
              {int(h.done)}
            </span>,
            h.failed ? <strong class="warn">{int(h.failed)}</strong> : '0',
            int(h.accepted),
            <Ago at={h.last?.at} />,
          ],
        }))}
      />
    </Box>
  );
}

function State({ harvest: h }: { harvest: HarvestStatus }) {
  if (h.ended || h.trouble)
    return (
      <Tag tone="err" dot>
        {h.ended ? 'ended' : 'trouble'}
      </Tag>
    );
  if (h.stalled)
    return (
      <Tag tone="warn" dot>
        waits
      </Tag>
    );
  return (
    <Tag tone="ok" dot>
      {h.in_hand ? 'reads' : 'OK'}
    </Tag>
  );
}

/** What became of the last files, and what is wrong. */
function Last({ harvest: h }: { harvest: HarvestStatus }) {
  const wrong = h.ended ?? h.trouble;
  return (
    <>
      {wrong && (
        <span class="err block">
          <Ticks text={clean(plain(wrong), 600)} />
        </span>
      )}
      {h.last && <Told file={h.last} what="Last" />}
      {h.last_failed && <Told file={h.last_failed} what="Failed last" tone="warn" />}
    </>
  );
}

function Told({ file, what, tone = 'sub' }: { file: HarvestedFile; what: string; tone?: string }) {
  return (
    <span class={`${tone} block`}>
      {what}: <code>{clean(file.path, 200)}</code>, <Ago at={file.at} />: {clean(plain(file.what), 600)}
    </span>
  );
}
