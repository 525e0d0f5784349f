/** The promise as an equation: red when it does not hold, with the queue where. */
import type { Installation } from '../api-types';
import { int, many } from '../format';
import { Icon } from '../ui/icon';

export function Balance({ status: s }: { status: Installation }) {
  const t = s.totals;
  const off = t.received - t.stored - t.waiting - t.rescued - t.dropped - t.damaged;
  const holds = t.balanced && !t.damaged;
  const where = s.queues
    .filter((q) => q.balanced === false || (q.damaged ?? 0) > 0)
    .map((q) => `“${q.name}”`);
  return (
    <section class={holds ? 'box' : 'box bad'} aria-label="Balance">
      <div class="eq">
        <Part value={t.received} name="given to the queues" />
        <Part op="=" value={t.stored} name="stored" />
        <Part op="+" value={t.waiting} name="waiting" />
        <Part op="+" value={t.rescued} name="rescued" />
        <Part op="+" value={t.dropped} name="dropped by rules" />
        {t.damaged > 0 && <Part op="+" value={t.damaged} name="lost to damage" />}
        {(t.ready_messages ?? 0) > 0 && (
          <Part op="," value={t.ready_messages ?? 0} name="messages at the broker" />
        )}
        {holds ? (
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
          </div>
        )}
      </div>
    </section>
  );
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
