/** The fields of all hits with their most frequent values. A click includes, Alt-click excludes. */
import { useEffect, useState } from 'preact/hooks';
import type { FieldInfo, TopAnswer } from '../api-types';
import { int, many, percent } from '../format';
import { grade, valuesOf } from '../list/event';
import { clean } from '../list/text';
import * as prefs from '../prefs';
import { alias } from '../query/complete';
import { bareName } from '../query/rewrite';
import { stamp } from '../time';
import { Button } from '../ui/button';
import { Icon } from '../ui/icon';
import { Middle, zoneName } from '../ui/marks';
import { go, route } from '../url';
import { filter, shownColumns, toggleColumn } from './act';
import { FEW, fields, found, loadTop, MANY, runningSince, tops } from './search';

/** Fields that are listed at a time. */
const MOST_FIELDS = 150;

const ORDER = [
  'severity',
  'app',
  'host',
  'facility',
  'tag',
  'listener',
  'transport',
  'peer',
  'tls_name',
  'defect',
];
/** Fields whose values are nearly all different; nothing is to be seen in a list of them. */
const SKIPPED = new Set(['message', 'uid', '_time', 'timegenerated', 'timereported', 'shape']);

type Shown = FieldInfo & { shown: string };

export function Fields({ onDone }: { onDone?: () => void }) {
  const [find, setFind] = useState('');
  const [most, setMost] = useState(MOST_FIELDS);
  const answer = fields.value;
  const wanted = find.trim().toLowerCase();
  const all: Shown[] = (answer?.fields ?? [])
    .map((f) => ({ ...f, shown: alias(f.name) }))
    .filter((f) => !SKIPPED.has(f.name) && f.shown.toLowerCase().includes(wanted));
  const core = all.filter((f) => f.core).sort((a, b) => place(a.shown) - place(b.shown));
  const own = all
    .filter((f) => !f.core)
    .sort((a, b) => b.events - a.events || a.shown.localeCompare(b.shown, 'en', { numeric: true }));
  const matched = answer?.matched ?? 0;
  const same = (f: Shown) => {
    const counted = f.distinct ?? tops.value.get(f.shown)?.distinct;
    const distinct = counted ?? (f.events === matched ? inRows(f.shown) : undefined);
    return (
      matched > 1 &&
      distinct === 1 &&
      !f.distinct_more &&
      f.events === matched &&
      !prefs.openFields.value.includes(f.shown)
    );
  };
  const groups = [
    { name: 'Event', list: core.filter((f) => !same(f)) },
    { name: 'Fields', list: own.filter((f) => !same(f)).slice(0, most) },
    { name: 'The same in all rows', list: [...core, ...own].filter(same) },
  ];
  const hidden = own.length - most;
  return (
    <aside class="side" aria-label="Fields" tabIndex={0}>
      <div class="find">
        <input
          class="in"
          type="search"
          placeholder="Find a field"
          aria-label="Find a field"
          value={find}
          onInput={(ev) => setFind(ev.currentTarget.value)}
        />
        {onDone && (
          <Button kind="plain" onClick={onDone}>
            Done
          </Button>
        )}
      </div>
      {answer && (route.value.tail || answer.question.again) && (
        <p class="grp">
          Counted at {stamp(answer.question.span.to, 'time', prefs.zone.value)} {zoneName()}
        </p>
      )}
      {groups.map((g) =>
        g.list.length ? (
          <section key={g.name} aria-label={g.name}>
            <h2 class="grp">{g.name}</h2>
            <ul>
              {g.list.map((f) => (
                <OneField key={f.name} field={f} name={f.shown} matched={matched} />
              ))}
            </ul>
          </section>
        ) : null,
      )}
      {hidden > 0 && (
        <p class="grp">
          <Button onClick={() => setMost(most * 4)}>{int(hidden)} more fields</Button>
        </p>
      )}
      {answer?.partial && <p class="grp">Not all: {answer.warnings?.join('; ')}</p>}
      {!all.length && (
        <p class="grp">
          {wanted ? 'No field is called so' : runningSince.value ? '' : 'Fields appear with the first hit'}
        </p>
      )}
    </aside>
  );
}

/** Loaded rows that are looked through until the server has counted. */
const MOST_ROWS = 200;

/** How many different values the loaded rows have in a field: what the count is likely to be, so that little moves when it comes. */
function inRows(name: string): number {
  const lines = found.value?.lines.slice(0, MOST_ROWS) ?? [];
  return new Set(lines.map((l) => valuesOf(l.event, name).join('\n'))).size;
}

/** The place of values that are still counted. */
function Awaited({ values }: { values: number }) {
  const places = Math.min(values, FEW) + (values > FEW ? 1 : 0);
  return (
    <>
      {Array.from({ length: Math.max(1, places) }, (_, i) => (
        <div class="val dim" key={i}>
          {i === 0 && '…'}
        </div>
      ))}
    </>
  );
}

function place(name: string): number {
  const at = ORDER.indexOf(name);
  return at < 0 ? ORDER.length : at;
}

function OneField({ field, name, matched }: { field: FieldInfo; name: string; matched: number }) {
  const [limit, setLimit] = useState(FEW);
  const open = prefs.openFields.value.includes(name);
  const top = tops.value.get(name);
  const question = fields.value?.question;
  useEffect(() => {
    if (open && (!top || (top.values.length < limit && top.values.length < top.distinct)))
      void loadTop(name, limit);
  }, [open, limit, question, top === undefined]);
  const share = percent((field.events / Math.max(1, matched)) * 100);
  const distinct = top?.distinct ?? field.distinct ?? undefined;
  const number =
    distinct === undefined
      ? field.events < matched
        ? share
        : ''
      : valueCount(distinct, !top && field.distinct_more);
  const label = clean(bareName(name), 100);
  const isColumn = shownColumns().includes(name);
  const toggle = () => {
    const now = prefs.openFields.peek();
    prefs.openFields.value = open ? now.filter((n) => n !== name) : [...now, name].slice(-40);
  };
  return (
    <li class="fld">
      <button type="button" class="head" title={label} aria-expanded={open} onClick={toggle}>
        <Icon name="down" />
        <Middle text={label} />
        <small
          title={`${distinct === undefined ? '' : `${number} different values `}in ${many(field.events, 'event')}`}
        >
          {number}
        </small>
      </button>
      <span class="act">
        {field.events < matched && (
          <>
            <Button
              size="mini"
              icon="check"
              tip={`Only where ${label} exists: ${share}`}
              onClick={() => filter(name, null)}
            />
            <Button
              size="mini"
              icon="minus"
              tip={`Only where ${label} is missing`}
              onClick={() => filter(name, null, true)}
            />
          </>
        )}
        <Button
          size="mini"
          icon="cols"
          tip={isColumn ? `Hide column ${label}` : `Show ${label} as a column`}
          pressed={isColumn}
          onClick={() => toggleColumn(name)}
        />
        <Button
          size="mini"
          icon="bars"
          tip={`Split the bars by ${label}`}
          onClick={() => go({ by: name }, 'replace')}
        />
      </span>
      {open && (
        <div class="vals">
          {top ? (
            <Values top={top} name={name} limit={limit} onMore={() => setLimit(MANY)} matched={matched} />
          ) : (
            <Awaited values={inRows(name)} />
          )}
          {field.events < matched && <p class="grp">in {share} of the events</p>}
        </div>
      )}
    </li>
  );
}

/** How many different values; the server counts to a limit. */
function valueCount(distinct: number, more: boolean | undefined): string {
  if (!more) return int(distinct);
  return distinct ? `> ${int(distinct)}` : '?';
}

interface ValuesProps {
  top: TopAnswer;
  name: string;
  limit: number;
  matched: number;
  onMore: () => void;
}

function Values({ top, name, limit, matched, onMore }: ValuesProps) {
  const rest = top.distinct - Math.min(limit, top.values.length);
  return (
    <>
      {top.values.slice(0, limit).map(({ value, events }) => {
        const share = (events / Math.max(1, top.matched ?? matched)) * 100;
        const text = clean(value, 200) || '(empty)';
        return (
          <div class="val" key={value}>
            <button
              type="button"
              title={`${text}: only these; with Alt: without these`}
              onClick={(ev) => filter(name, value, ev.altKey)}
            >
              <span class="name">
                {name === 'severity' && <span class={`dot sq sev${grade(value)}`} />}
                <Middle text={text} />
              </span>
              <span class="n" title={many(events, 'event')}>
                {percent(share)}
              </span>
            </button>
            <i class="share" style={{ '--w': `${share}%` }} />
            <span class="act">
              <Button
                size="mini"
                icon="plus"
                tip={`Only ${name} ${text}`}
                onClick={() => filter(name, value)}
              />
              <Button
                size="mini"
                icon="minus"
                tip={`Without ${name} ${text}`}
                onClick={() => filter(name, value, true)}
              />
            </span>
          </div>
        );
      })}
      {rest > 0 && limit < MANY && (
        <div class="fmeta">
          <Button onClick={onMore}>{int(rest)} more</Button>
        </div>
      )}
      {rest > 0 && limit >= MANY && <p class="grp">and {int(rest)} more values</p>}
      <span class="sr">{route.value.by === name ? 'The bars are split by this field' : ''}</span>
    </>
  );
}
