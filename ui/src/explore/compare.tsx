/** Two events side by side: what differs, and the names of what does not. */
import { many } from '../format';
import { flat } from '../list/event';
import type { Line } from '../list/rows';
import { clean } from '../list/text';
import { zone } from '../prefs';
import { stamp } from '../time';
import { Dialog, openDialog } from '../ui/dialog';
import { Table } from '../ui/table';

export function compare(lines: readonly Line[]): void {
  const [a, b] = lines;
  if (a && b) openDialog(() => <Compared a={a} b={b} />);
}

function Compared({ a, b }: { a: Line; b: Line }) {
  const x = flat(a.event);
  const y = flat(b.event);
  const names = [...new Set([...x.keys(), ...y.keys()])];
  const differing = names.filter((n) => x.get(n) !== y.get(n));
  const equal = names.filter((n) => x.get(n) === y.get(n));
  const at = (line: Line) => stamp(Date.parse(line.event.timegenerated), 'ms', zone.value);
  const cell = (v: string | undefined) => (
    <span class="mono any">{v === undefined ? '–' : clean(v, 4000)}</span>
  );
  return (
    <Dialog title="Two events compared" shape="dlg wide">
      <Table
        label="What differs"
        columns={[{ title: 'Field' }, { title: at(a), kind: 'half' }, { title: at(b), kind: 'half' }]}
        rows={differing.slice(0, 500).map((n) => ({
          key: n,
          cells: [<span class="mono any">{clean(n, 100)}</span>, cell(x.get(n)), cell(y.get(n))],
        }))}
      />
      {equal.length > 0 && (
        <p class="sub any">
          {many(equal.length, 'field')} {equal.length === 1 ? 'is' : 'are'} equal:{' '}
          {equal
            .slice(0, 100)
            .map((n) => clean(n, 60))
            .join(', ')}
        </p>
      )}
    </Dialog>
  );
}
