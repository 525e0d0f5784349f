/** The line above the rows: what was found and at what cost; with a selection, what can be done with it. */
import { me, sentence } from '../api';
import { int, span as length, many } from '../format';
import { asText } from '../list/event';
import { narrow } from '../list/row';
import * as prefs from '../prefs';
import { stamp } from '../time';
import { Button, Segments } from '../ui/button';
import { closeDialog, Dialog, openDialog } from '../ui/dialog';
import { Tag, Ticks, tick, zoneName } from '../ui/marks';
import { Popover } from '../ui/popover';
import { copy } from '../ui/say';
import { go, route } from '../url';
import { copyLink, moveColumn, setColumns, shownColumns, toggleColumn } from './act';
import { compare } from './compare';
import { Export } from './export';
import { Fields } from './fields';
import { Former, isFormer } from './former';
import { cancel, counted, failure, found, picked, runningSince, search, selected } from './search';
import { endReason, skipped, tailState, trouble } from './tail';

export function ResultLine() {
  if (selected.value.size > 0) return <Selection />;
  const several = (me.value?.stores?.length ?? 0) > 1;
  return (
    <div class="resline" role="toolbar" aria-label="Result">
      <div class="info" role="status">
        <Info />
      </div>
      <Button
        icon="lines"
        tip="Show the fields"
        pressed={narrow.value ? undefined : prefs.showFields.value}
        onClick={() => {
          if (narrow.peek()) openSheet();
          else prefs.showFields.value = !prefs.showFields.peek();
        }}
      >
        Fields
      </Button>
      <Button
        icon="wrap"
        class="hide-s"
        tip="Wrap long lines"
        pressed={prefs.wrap.value}
        onClick={() => {
          prefs.wrap.value = !prefs.wrap.peek();
        }}
      >
        <span class="hide-m">Wrap</span>
      </Button>
      <Popover
        icon="view"
        tip="Zone, time, density, columns"
        popup="dialog"
        label={<span class="hide-s">View</span>}
      >
        {() => <Look several={several} />}
      </Popover>
      <Button
        icon="bars"
        class="hide-s"
        tip="What changed: what is new, gone, grew or shrank in this range"
        onClick={() => go({ view: 'patterns', sub: 'changed', id: '', tail: false })}
      >
        <span class="hide-m">What changed</span>
      </Button>
      <Export />
      <Button icon="link" tip="Copy the link with fixed times (Y)" onClick={copyLink} />
    </div>
  );
}

function Info() {
  if (runningSince.value) {
    const ms = Math.max(0, tick.value - runningSince.value);
    return (
      <>
        <b>Searching…</b>
        {ms > 150 && <span class="num">{length(ms)}</span>}
        <Button kind="plain" onClick={cancel}>
          Cancel
        </Button>
      </>
    );
  }
  const f = found.value;
  if (failure.value) {
    if (!f?.lines.length) return <span>Not searched</span>;
    return (
      <>
        <span class="err cut" title={sentence(failure.value)}>
          <Ticks text={sentence(failure.value)} />
        </span>
        {f.question.q === route.value.q ? (
          <>
            <span class="hide-m">what is shown is from before</span>
            <Button onClick={() => void search()}>Try again</Button>
          </>
        ) : (
          <Former q={f.question.q} />
        )}
      </>
    );
  }
  if (!f) return null;
  if (isFormer()) {
    return (
      <>
        <b class="err nowrap">Not searched</b>
        <Former q={f.question.q} />
      </>
    );
  }
  const n = counted.value;
  const stats = f.stats;
  return (
    <>
      <b>{n === undefined ? `more than ${many(f.lines.length, 'event')}` : many(n.events, 'event')}</b>
      {n !== undefined && (route.value.tail || n.at !== f.question.span.to) && (
        <span class="num" title="While new lines come in, the events are counted again now and then">
          at {stamp(n.at, 'time', prefs.zone.value)}
        </span>
      )}
      {stats && <span class="num">{stats.ms} ms</span>}
      {stats && stats.groups > 0 && (
        <span
          class="num hide-m"
          title="The store keeps rows in blocks and reads only those whose index says that they may match"
        >
          read {int(stats.groups_read)} of {many(stats.groups, 'block')}
        </span>
      )}
      <span class="hide-m">newest first</span>
      {f.partial && (
        <>
          <Tag tone="warn" title={f.warnings?.join('; ')}>
            partial
          </Tag>
          <Button onClick={() => void search(true)}>Read the rest</Button>
        </>
      )}
      {!f.partial &&
        f.warnings?.map((w) => (
          <Tag key={w} tone="warn">
            {w}
          </Tag>
        ))}
      {skipped.value > 0 && (
        <Tag tone="warn" title="More came than can be shown; they are in the store">
          {many(skipped.value, 'event')} not shown: too fast
        </Tag>
      )}
      {trouble.value && <Tag tone="warn">{trouble.value}</Tag>}
      {tailState.value === 'connecting' && <span>connecting…</span>}
      {tailState.value === 'ended' && (
        <Tag tone="warn">the tail has ended{endReason.value && `: ${endReason.value}`}</Tag>
      )}
    </>
  );
}

/** What the store read for the answer, in the words that it has for it. */
function Selection() {
  const n = selected.value.size;
  const lines = () => picked().map((l) => l.event);
  return (
    <div class="resline" role="toolbar" aria-label="Result">
      <div class="info" role="status">
        <b>{n} selected</b>
      </div>
      <Button
        icon="copy"
        tip="y"
        onClick={() =>
          void copy(
            lines()
              .map((e) => asText(e, prefs.zone.peek(), prefs.clock.peek()))
              .join('\n'),
            many(n, 'line'),
          )
        }
      >
        Copy as text
      </Button>
      <Button
        onClick={() =>
          void copy(
            lines()
              .map((e) => JSON.stringify(e))
              .join('\n'),
            `${many(n, 'event')} as JSON`,
          )
        }
      >
        Copy as JSON
      </Button>
      {n === 2 && <Button onClick={() => compare(picked())}>Compare</Button>}
      <Button
        icon="x"
        tip="Clear the selection"
        onClick={() => {
          selected.value = new Set();
        }}
      >
        <span class="hide-s">Clear</span>
      </Button>
    </div>
  );
}

function Look({ several }: { several: boolean }) {
  const columns = shownColumns();
  const row = <T extends string | boolean>(
    label: string,
    options: readonly (readonly [T, string])[],
    it: { value: T },
  ) => (
    <div class="optrow">
      {label}
      <Segments
        label={label}
        options={options}
        value={it.value}
        onChange={(v) => {
          it.value = v;
        }}
      />
    </div>
  );
  return (
    <div class="menu">
      {row(
        'Zone',
        [
          ['utc', 'UTC'],
          ['local', 'Local'],
        ],
        prefs.zone,
      )}
      {row(
        'Time',
        [
          ['received', 'Received'],
          ['reported', 'Reported'],
        ],
        prefs.clock,
      )}
      {row(
        'Digits',
        [
          [false, 'ms'],
          [true, 'µs'],
        ],
        prefs.micros,
      )}
      {row(
        'Rows',
        [
          [false, 'Normal'],
          [true, 'Dense'],
        ],
        prefs.dense,
      )}
      {row(
        'Lines',
        [
          [false, 'Cut'],
          [true, 'Wrap'],
        ],
        prefs.wrap,
      )}
      {row(
        'The same in all rows',
        [
          [false, 'Shown'],
          [true, 'Hidden'],
        ],
        prefs.hideEqual,
      )}
      {several && (
        <label class="optrow">
          Store
          <select
            class="in"
            value={route.value.store}
            onChange={(ev) => go({ store: ev.currentTarget.value })}
          >
            <option value="">{me.value?.stores?.[0]}</option>
            {me.value?.stores?.slice(1).map((s) => (
              <option key={s} value={s}>
                {s}
              </option>
            ))}
          </select>
        </label>
      )}
      <hr />
      <div class="grp">Columns</div>
      {columns.map((c, i) => (
        <div class="optrow" key={c}>
          <code class="cut">{c}</code>
          <span class="nowrap">
            {i > 0 && (
              <Button
                size="mini"
                icon="left"
                tip={`Move ${c} to the left`}
                onClick={() => moveColumn(c, -1)}
              />
            )}
            <Button size="mini" icon="x" tip={`Hide ${c}`} onClick={() => toggleColumn(c)} />
          </span>
        </div>
      ))}
      <div class="optrow">
        <span class="dim">More are added from the field list.</span>
        <Button onClick={() => setColumns([...prefs.DEFAULT_COLUMNS])}>Reset</Button>
      </div>
      <p class="sr">Times in {zoneName()}</p>
    </div>
  );
}

function openSheet(): void {
  openDialog(() => (
    <Dialog title="Fields" shape="sheet bottom">
      <Fields onDone={closeDialog} />
    </Dialog>
  ));
}

/** What columns say that are hidden because they say the same in all rows. */
export function Equal({ equal }: { equal: ReadonlyMap<string, string> }) {
  if (!equal.size) return null;
  return (
    <p class="equal">
      In all {int(found.value?.lines.length ?? 0)} loaded rows:{' '}
      {[...equal].map(([k, v]) => (
        <span key={k}>
          <code>{k}</code> {v || '–'}
        </span>
      ))}
    </p>
  );
}
