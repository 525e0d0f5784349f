/** The order of a table's rows, by one of its columns. Not: how the table is drawn. */

export interface Order {
  /** The place of the column. */
  at: number;
  up: boolean;
}

/** What a click on a column makes of the order: it, the other way round, then as the rows came. */
export function turned(order: Order | null, at: number, upFirst: boolean): Order | null {
  if (order?.at !== at) return { at, up: upFirst };
  return order.up === upFirst ? { at, up: !upFirst } : null;
}

/** The rows in order; equal ones stay as they came. */
export function ordered<R extends { by?: readonly number[] }>(
  rows: readonly R[],
  order: Order | null,
): readonly R[] {
  if (!order) return rows;
  const value = (r: R) => r.by?.[order.at] ?? 0;
  return [...rows].sort((a, b) => (order.up ? value(a) - value(b) : value(b) - value(a)));
}
