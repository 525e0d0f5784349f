/** Tables and the boxes around them. On a narrow screen each row becomes a small card with labels. */
import { type ComponentChildren, Fragment } from 'preact';
import { useState } from 'preact/hooks';
import { type Order, ordered, turned } from './order';

export interface Column {
  title: string;
  /** `num` numbers, `full` takes what is left, `tight` no more than it needs, `hide-m` not when narrow. */
  kind?: string;
  /** Its rows can be put in order; which way first. */
  sorts?: 'up' | 'down';
}

export interface Row {
  key: string;
  cells: ComponentChildren[];
  class?: string;
  /** What is said below it, over its whole width. */
  note?: ComponentChildren;
  /** By what the row is put in order, at the places of the columns that sort. */
  by?: readonly number[];
}

interface TableProps {
  label: string;
  columns: readonly Column[];
  rows: readonly Row[];
  /** What is said instead of a table without rows. */
  empty?: string;
}

export function Table({ label, columns, rows, empty }: TableProps) {
  const [order, setOrder] = useState<Order | null>(null);
  if (!rows.length && empty !== undefined) return empty ? <p class="pad sub">{empty}</p> : null;
  return (
    <section class="scroll" tabIndex={0} aria-label={`Table: ${label}`}>
      <table class="stack">
        <thead>
          <tr>
            {columns.map((c, i) => (
              <th
                key={i}
                scope="col"
                class={c.kind}
                aria-sort={order?.at === i ? (order.up ? 'ascending' : 'descending') : undefined}
              >
                {c.sorts ? (
                  <button type="button" onClick={() => setOrder(turned(order, i, c.sorts === 'up'))}>
                    {c.title}
                    {order?.at === i && <span aria-hidden="true">{order.up ? '↑' : '↓'}</span>}
                  </button>
                ) : (
                  c.title || <span class="sr">Actions</span>
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {ordered(rows, order).map((r) => (
            <Fragment key={r.key}>
              <tr class={r.class}>
                {r.cells.map((cell, i) => (
                  <td key={i} class={columns[i]?.kind} data-l={labelOf(columns[i], i)}>
                    {cell}
                  </td>
                ))}
              </tr>
              {r.note && (
                <tr class="said">
                  <td class="full" colSpan={columns.length}>
                    {r.note}
                  </td>
                </tr>
              )}
            </Fragment>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function labelOf(column: Column | undefined, at: number): string | undefined {
  return at > 0 && column?.title && !/full|tight/.test(column.kind ?? '') ? column.title : undefined;
}

interface BoxProps {
  title: string;
  note?: ComponentChildren;
  actions?: ComponentChildren;
  class?: string;
  children: ComponentChildren;
}

export function Box({ title, note, actions, class: cls, children }: BoxProps) {
  return (
    <section class={`box ${cls ?? ''}`.trim()} aria-label={title}>
      <header>
        <h2>{title}</h2>
        {note && <p>{note}</p>}
        {actions && <span class="push gap">{actions}</span>}
      </header>
      {children}
    </section>
  );
}
