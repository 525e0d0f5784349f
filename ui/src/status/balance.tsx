/** The promise as an equation: red when it does not hold, with the queue where. */
import type { Installation, QueueStatus } from '../api-types';
import { int, many } from '../format';
import { clean } from '../list/text';
import { Button } from '../ui/button';
import { Dialog, openDialog } from '../ui/dialog';
import { Icon } from '../ui/icon';
import { Table } from '../ui/table';
import { holds, waitingOf } from './troubles';

export function Balance({ status: s }: { status: Installation }) {
  const t = s.totals;
  const off = t.received - t.stored - t.waiting - t.rescued - t.dropped - t.damaged;
  const where = s.queues
    .filter((q) => q.balanced === false || (q.damaged ?? 0) > 0)
    .map((q) => `“${q.name}”`);
  return (
    <section class={holds(s) ? 'box' : 'box bad'} aria-label="Balance">
      <div class="eq">
        <Part value={t.received} name={given(s.queues.length)} />
        <Part op="=" value={t.stored} name="stored" />
        <Part op="+" value={t.waiting} name="waiting" />
        <Part op="+" value={t.rescued} name="rescued" />
        <Part op="+" value={t.dropped} name="dropped by rules" />
        {t.damaged > 0 && <Part op="+" value={t.damaged} name="lost to damage" />}
        {(t.ready_messages ?? 0) > 0 && (
          <Part op="," value={t.ready_messages ?? 0} name="messages at the broker" />
        )}
        {holds(s) ? (
          <div class="verdict ok">
            <Icon name="check" />
            Balanced
          </div>
        ) : (
          <div class="verdict err" role="alert">
            <Icon name="warn" />
            <span>
              {t.damaged > 0
                ? `${many(t.damaged, 'event')} lost to a broken disk`
                : `Does not balance: ${difference(off)}`}
              {where.length > 0 && `, queue ${where.join(', ')}`}
            </span>
            <Button kind="plain" onClick={() => openDialog(() => <Queues queues={s.queues} />)}>
              How to find them
            </Button>
          </div>
        )}
      </div>
    </section>
  );
}

/** An event that goes to several queues is given to each of them. */
function given(queues: number): string {
  return queues > 1 ? `given to ${int(queues)} queues, each event once to each` : 'given to the queue';
}

function difference(off: number): string {
  if (off > 0) return `${many(off, 'event')} ${off === 1 ? 'is' : 'are'} nowhere`;
  if (off < 0) return `${many(-off, 'event')} too many`;
  return 'the numbers of a queue do not add up';
}

function Part({ op, value, name }: { op?: string; value: number; name: string }) {
  return (
    <>
      {op && (
        <span class="op" aria-hidden="true">
          {op}
        </span>
      )}
      <div class="t">
        <b>{int(value)}</b>
        <span>{name}</span>
      </div>
    </>
  );
}

/** Events that a queue was given and nobody knows of any more; less than 0: too many. */
export function missing(q: QueueStatus): number {
  if (q.received === undefined) return 0;
  return q.received - q.stored - waitingOf(q) - q.rescued - q.dropped - (q.damaged ?? 0);
}

function Queues({ queues }: { queues: readonly QueueStatus[] }) {
  const kept = queues.filter((q) => q.received !== undefined);
  const sorted = [...kept].sort((a, b) => Math.abs(missing(b)) - Math.abs(missing(a)));
  return (
    <Dialog title="The balance of each queue" shape="dlg wide">
      <Table
        label="Queues"
        empty="No queue of this installation is on its own disk; the broker counts its messages itself."
        columns={[
          { title: 'Queue' },
          { title: 'Given', kind: 'num' },
          { title: 'Stored', kind: 'num' },
          { title: 'Waiting', kind: 'num' },
          { title: 'Rescued', kind: 'num' },
          { title: 'Dropped', kind: 'num' },
          { title: 'Damaged', kind: 'num' },
          { title: 'Nowhere', kind: 'num' },
        ]}
        rows={sorted.map((q) => ({
          key: `${q.process ?? ''} ${q.name}`,
          cells: [
            <b>{clean(q.name, 60)}</b>,
            int(q.received ?? 0),
            int(q.stored),
            int(waitingOf(q)),
            int(q.rescued),
            int(q.dropped),
            int(q.damaged ?? 0),
            missing(q) ? <strong class="err">{int(missing(q))}</strong> : '0',
          ],
        }))}
      />
      <p class="sub">
        Damaged events are named with their file in the log of loggr, as are faults of a disk. What a
        destination refused is in the rescue. <code>loggr status</code> shows the same numbers; if they do not
        add up and no disk is at fault, it is a fault of loggr.
      </p>
    </Dialog>
  );
}
