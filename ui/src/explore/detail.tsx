/**
 * A row that is open: its fields, its JSON, its raw line; from where it came, where it went.
 */
import { useEffect, useState } from 'preact/hooks';
import { address, get, sentence } from '../api';
import type { EventAnswer, LogEvent, Match } from '../api-types';
import { int } from '../format';
import { asText, type Field, fieldsOf, skewed, times } from '../list/event';
import { Pieces } from '../list/message';
import { equalColumns, type Line } from '../list/rows';
import { clean, jsonOf, visible } from '../list/text';
import { Tree } from '../list/tree';
import * as prefs from '../prefs';
import { fieldName, term } from '../query/rewrite';
import { Button } from '../ui/button';
import { Name } from '../ui/marks';
import { copy } from '../ui/say';
import { route } from '../url';
import { copyLink, filter, shownColumns, toggleColumn } from './act';
import { From, Way } from './origin';
import { found } from './search';

const TABS = ['Fields', 'JSON', 'Raw'] as const;
type Tab = (typeof TABS)[number];

/** Characters of the message of an open row. */
const WHOLE = 1 << 20;

interface DetailProps {
  line: Line;
  onContext: () => void;
  onClose: () => void;
}

export function Detail({ line, onContext, onClose }: DetailProps) {
  const [tab, setTab] = useState<Tab>('Fields');
  const [whole, setWhole] = useState<EventAnswer | null>(null);
  const [failed, setFailed] = useState('');
  const { uid } = line.event;
  useEffect(() => {
    const mine = new AbortController();
    get<EventAnswer>(
      `event/${encodeURIComponent(uid)}`,
      { store: route.peek().store, max_message: WHOLE },
      mine.signal,
    )
      .then(setWhole)
      .catch((error) => !mine.signal.aborted && setFailed(sentence(error)));
    return () => mine.abort();
  }, [uid]);
  const event = whole?.event ?? line.event;
  const shape = whole?.shape;
  const onKeyDown = (ev: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: TABS.length - 1 }[ev.key];
    if (step === undefined) return;
    ev.preventDefault();
    setTab(TABS[(TABS.indexOf(tab) + step) % TABS.length] ?? 'Fields');
  };
  return (
    <div class="det" role="row">
      <div role="gridcell">
        <div class="dethd">
          <span class="seg" role="tablist" aria-label="Views of the event" onKeyDown={onKeyDown}>
            {TABS.map((t) => (
              <button
                key={t}
                type="button"
                role="tab"
                aria-selected={t === tab}
                tabIndex={t === tab ? 0 : -1}
                onClick={() => setTab(t)}
                ref={(el) => {
                  if (el && t === tab && el.parentElement?.contains(document.activeElement)) el.focus();
                }}
              >
                {t}
              </button>
            ))}
          </span>
          <Button icon="lines" class="wordy" tip="Lines around this one (c)" onClick={onContext}>
            Context
          </Button>
          {shape && (
            <Button tip="All lines of this pattern" onClick={() => filter('shape', shape)}>
              Like this
            </Button>
          )}
          <Button
            icon="copy"
            tip="Copy the line (y)"
            onClick={() => void copy(asText(event, prefs.zone.peek(), prefs.clock.peek()), 'the line')}
          >
            <span class="hide-s">Copy</span>
          </Button>
          <Button icon="link" tip="Copy the link with fixed times (Y)" onClick={copyLink}>
            <span class="hide-s">Link</span>
          </Button>
          <Button icon="x" tip="Close (Esc)" onClick={onClose} />
        </div>
        <div class="detgrid">
          <div>
            {tab === 'Fields' && <Fields event={event} matches={line} />}
            {tab === 'JSON' && <Json event={event} />}
            {tab === 'Raw' && <Raw event={event} text={whole?.raw_text ?? undefined} />}
          </div>
          <div class="rail">
            {failed && <p class="note warn">{failed}</p>}
            <From event={event} whole={whole} />
            {whole?.way && whole.way.length > 0 && <Way steps={whole.way} />}
          </div>
        </div>
      </div>
    </div>
  );
}

/** A letter of a name in pixels, and a little more. */
const LETTER_PX = 7.5;
/** Fields that are drawn at a time. */
const MOST_FIELDS = 200;
/** Longer values cannot be asked for. */
const MAX_ASKED = 1000;

function Fields({ event, matches }: { event: LogEvent; matches: Line }) {
  const [most, setMost] = useState(MOST_FIELDS);
  const all = fieldsOf(event);
  const inner = jsonOf(event.message);
  const lines = found.value?.lines ?? [];
  const same = prefs.hideEqual.value
    ? equalColumns(
        lines,
        all.map((f) => fieldName(f.name, f.own)),
      )
    : new Map<string, string>();
  const shown = all.filter((f) => !same.has(fieldName(f.name, f.own)));
  const longest = Math.max(...shown.slice(0, most).map((f) => f.name.length), 0);
  const rows = shown.slice(0, most).flatMap((f) => f.values.map((v) => ({ f, v })));
  return (
    <>
      <div class="ftab" style={{ '--k': `${longest * LETTER_PX}px` }}>
        <div class="r wide">
          <span class="k">message</span>
          <span class="v">
            {inner === undefined || matches.matches.length > 0 ? (
              <Long text={event.message} matches={matches.matches} />
            ) : null}
            {inner !== undefined && (
              <span class="tree">
                <Tree value={inner} />
              </span>
            )}
            {event.message_cut && (
              <span class="dim">
                {' '}
                … {int(event.message_cut)} characters in all,{' '}
                <a href={address('export', wholeOf(event))} download>
                  download it whole
                </a>
              </span>
            )}
          </span>
          <span class="a">
            <Button
              size="mini"
              icon="copy"
              tip="Copy message"
              onClick={() => void copy(event.message, 'message')}
            />
          </span>
        </div>
        {rows.map(({ f, v }, i) => (
          <One key={`${f.name} ${i}`} field={f} value={v} />
        ))}
        <Plain name="received" value={event.timegenerated} />
        <Plain name="reported" value={event.timereported} note={skewed(times(event).skew)} />
        {Object.entries(event.trusted ?? {}).map(([name, value]) => (
          <Plain key={name} name={`${clean(name, 100)}, by the system`} value={value} />
        ))}
      </div>
      {shown.length > most && (
        <p>
          <Button onClick={() => setMost(most * 10)}>{int(shown.length - most)} more fields</Button>
        </p>
      )}
      {same.size > 0 && (
        <p class="sub">
          {same.size} fields are the same in all loaded rows and hidden.{' '}
          <Button
            onClick={() => {
              prefs.hideEqual.value = false;
            }}
          >
            Show them
          </Button>
        </p>
      )}
    </>
  );
}

/** The one event, with all of its message, as a file. */
function wholeOf(event: LogEvent) {
  return { q: term('uid', event.uid), format: 'ndjson', store: route.peek().store };
}

function One({ field, value }: { field: Field; value: string }) {
  const name = clean(field.name, 200);
  const asked = value.length <= MAX_ASKED;
  const tip = clean(value, 80);
  const column = fieldName(field.name, field.own);
  return (
    <div class="r">
      <span class="k">
        <Name text={name} />
      </span>
      <span class="v">
        <bdi>
          <Long text={value} />
        </bdi>
      </span>
      <span class="a">
        {asked && (
          <>
            <Button
              size="mini"
              icon="plus"
              tip={`Only ${name} ${tip}`}
              onClick={() => filter(column, value)}
            />
            <Button
              size="mini"
              icon="minus"
              tip={`Without ${name} ${tip}`}
              onClick={() => filter(column, value, true)}
            />
          </>
        )}
        <Button
          size="mini"
          icon="cols"
          tip={`Show or hide ${name} as a column`}
          pressed={shownColumns().includes(column)}
          onClick={() => toggleColumn(column)}
        />
        <Button size="mini" icon="copy" tip={`Copy ${name}`} onClick={() => void copy(value, name)} />
      </span>
    </div>
  );
}

/** Characters of a value that are shown at first. */
const FIRST_CHARS = 1500;

function Long({ text, matches }: { text: string; matches?: Match[] }) {
  const [all, setAll] = useState(false);
  return (
    <>
      <Pieces text={text} matches={matches} limit={all ? Number.POSITIVE_INFINITY : FIRST_CHARS} />
      {!all && text.length > FIRST_CHARS && (
        <Button onClick={() => setAll(true)}>Show all {int(text.length)} characters</Button>
      )}
    </>
  );
}

function Plain({ name, value, note }: { name: string; value: string; note?: string }) {
  return (
    <div class="r">
      <span class="k">{name}</span>
      <span class="v">
        {clean(value, 1000)}
        {note && <small class="warn">Δ {note}</small>}
      </span>
      <span class="a">
        <Button size="mini" icon="copy" tip={`Copy ${name}`} onClick={() => void copy(value, name)} />
      </span>
    </div>
  );
}

function Json({ event }: { event: LogEvent }) {
  const inner = jsonOf(event.message);
  return (
    <>
      {inner === undefined && /^\s*[{[]/.test(event.message) && (
        <p class="note gapbelow">The message begins like JSON but {brokenBy(event)}.</p>
      )}
      {inner !== undefined && (
        <div class="card">
          <h2>The message</h2>
          <div class="tree">
            <Tree value={inner} />
          </div>
        </div>
      )}
      <div class="card">
        <h2>
          The event
          <Button
            class="push"
            icon="copy"
            onClick={() => void copy(JSON.stringify(event), 'the event as JSON')}
          >
            Copy
          </Button>
        </h2>
        <div class="tree">
          <Tree value={event} />
        </div>
      </div>
    </>
  );
}

/** Why a message that begins like JSON is none. */
function brokenBy(event: LogEvent): string {
  if (event.message_cut) return 'is too long to be shown as a tree';
  return event.defects?.includes('truncated') ? 'was cut when it came' : 'cannot be read as such';
}

function Raw({ event, text }: { event: LogEvent; text: string | undefined }) {
  const raw = text ?? fromBase64(event.raw);
  if (raw === null) {
    return (
      <div class="card">
        <p class="sub pad">
          The line as it came was not kept; what was parsed of it is under Fields and JSON.
        </p>
      </div>
    );
  }
  return (
    <div class="card">
      <h2>
        The line as it came, {int(raw.length)} characters
        <Button class="push" icon="copy" onClick={() => void copy(raw, 'the raw line')}>
          Copy
        </Button>
      </h2>
      <pre class="raw">
        <Pieces text={raw.replace(/\u001b/g, visible('\u001b'))} limit={70000} />
      </pre>
    </div>
  );
}

function fromBase64(raw: string | undefined): string | null {
  if (!raw) return null;
  try {
    return new TextDecoder().decode(Uint8Array.from(atob(raw), (c) => c.charCodeAt(0)));
  } catch {
    return null;
  }
}
