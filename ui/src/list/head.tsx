/** The header of the list: names, widths by pointer or arrow keys, order by dragging. */
import { moveColumn, setColumns, toggleColumn } from '../explore/act';
import * as prefs from '../prefs';
import { Button } from '../ui/button';
import { Middle, zoneName } from '../ui/marks';
import { type Columns, MAX_WIDTH, MIN_WIDTH, setWidth, widthOf } from './row';
import { clean } from './text';

interface HeadProps {
  columns: Columns;
  /** All rows are selected; null: rows cannot be selected. */
  all: boolean | null;
  onAll?: (on: boolean) => void;
}

export function Head({ columns, all, onAll }: HeadProps) {
  return (
    <div class="lhead" role="row" aria-rowindex={1}>
      <span role="columnheader">
        {all === null ? (
          <span class="sr">Place</span>
        ) : (
          <input
            type="checkbox"
            aria-label="Select all shown rows"
            checked={all}
            onClick={(ev) => onAll?.(ev.currentTarget.checked)}
          />
        )}
      </span>
      <span role="columnheader">
        <span class="sr">Severity</span>
      </span>
      <span role="columnheader">
        {prefs.clock.value === 'reported' ? 'Reported' : 'Received'}, {zoneName()}
        <Grip name="time" columns={columns} />
      </span>
      {columns.names.map((name) => (
        <Name key={name} name={name} columns={columns} />
      ))}
      <span role="columnheader">Message</span>
    </div>
  );
}

const TITLE: Record<string, string> = { host: 'Host', app: 'App' };

function Name({ name, columns }: { name: string; columns: Columns }) {
  const drop = (ev: DragEvent) => {
    const moved = ev.dataTransfer?.getData('text/loggr-column');
    if (!moved || moved === name) return;
    ev.preventDefault();
    const rest = columns.names.filter((c) => c !== moved);
    rest.splice(columns.names.indexOf(name), 0, moved);
    setColumns(rest);
  };
  return (
    <span
      role="columnheader"
      draggable
      onDragStart={(ev) => ev.dataTransfer?.setData('text/loggr-column', name)}
      onDragOver={(ev) => ev.dataTransfer?.types.includes('text/loggr-column') && ev.preventDefault()}
      onDrop={drop}
    >
      <span class="head" title={clean(name, 200)}>
        <Middle text={TITLE[name] ?? clean(name, 60)} />
      </span>
      <Button size="mini" icon="x" tip={`Hide column ${name}`} onClick={() => toggleColumn(name)} />
      <Grip name={name} columns={columns} />
    </span>
  );
}

const KEY_STEP = 16;

function Grip({ name, columns }: { name: string; columns: Columns }) {
  const width = widthOf(name, columns);
  const onKeyDown = (ev: KeyboardEvent) => {
    const step = { ArrowLeft: -KEY_STEP, ArrowRight: KEY_STEP }[ev.key];
    if (step === undefined) return;
    ev.preventDefault();
    ev.stopPropagation();
    if (ev.shiftKey && name !== 'time') moveColumn(name, step < 0 ? -1 : 1);
    else setWidth(name, width + step);
  };
  const onPointerDown = (ev: PointerEvent) => {
    const el = ev.currentTarget as HTMLElement;
    const from = ev.clientX;
    ev.preventDefault();
    el.setPointerCapture(ev.pointerId);
    el.onpointermove = (move) => setWidth(name, width + move.clientX - from);
    el.onpointerup = () => {
      el.onpointermove = null;
    };
  };
  return (
    <span
      class="grip"
      role="separator"
      aria-orientation="vertical"
      tabIndex={0}
      aria-label={`Width of ${name}; with Shift its place`}
      aria-valuenow={width}
      aria-valuemin={MIN_WIDTH}
      aria-valuemax={MAX_WIDTH}
      onKeyDown={onKeyDown}
      onDblClick={() => setWidth(name, null)}
      onPointerDown={onPointerDown}
    />
  );
}
