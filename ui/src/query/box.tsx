/**
 * The query box: a textarea whose own letters are clear, over a layer with the same letters in colour;
 * completions in a list box that the caret's box points at (a textarea may not call itself a combobox);
 * below it, what is wrong.
 */
import { computed, signal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { serverNow } from '../api';
import { fields } from '../explore/search';
import { clean } from '../list/text';
import * as prefs from '../prefs';
import { absolute, resolve } from '../time';
import { Button } from '../ui/button';
import { Icon } from '../ui/icon';
import { Ticks } from '../ui/marks';
import { route } from '../url';
import { Painted } from './coloured';
import { type Choice, local, type Place, placeAt, values } from './complete';
import { openHelp } from './help';
import { parse, parsed, setText, text, tokens } from './parsed';
import { renameField } from './rewrite';
import { SavedMenu, saved } from './saved';

/** While somebody types, an unfinished query is not yet a wrong one. */
const PATIENCE_MS = 800;

/** So long a query waits for the word of the parser; then the search itself says what is wrong. */
const PARSE_MS = 400;
const late = () => new Promise<null>((done) => setTimeout(() => done(null), PARSE_MS));

const choices = signal<Choice[]>([]);
const chosen = signal(-1);
const patient = signal(false);

/** What is wrong with the query in the box, as soon as that is said. */
export const mistake = computed(() => {
  const known = parsed.value;
  const current = known && known.of === text.value ? known.answer : null;
  if (!current || current.ok || patient.value || choices.value.length > 0) return null;
  return current.error ?? null;
});

export function focusQuery(): void {
  const box = document.querySelector<HTMLTextAreaElement>('#q');
  box?.focus();
  box?.select();
}

export interface BoxProps {
  onRun: (q: string) => void;
  /** Where the focus goes when a query has been sent. */
  leave: () => void;
}

export function QueryBox({ onRun, leave }: BoxProps) {
  const area = useRef<HTMLTextAreaElement>(null);
  const layer = useRef<HTMLPreElement>(null);
  const asking = useRef<AbortController | null>(null);
  const typing = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const open = choices.value.length > 0;
  const current = parsed.value?.of === text.value ? parsed.value.answer : null;
  const error = mistake.value;
  const unknown = current?.unknown ?? [];

  useLayoutEffect(() => {
    const el = area.current;
    if (!el) return;
    el.style.height = '0';
    // A placeholder that has no room makes no second line.
    el.style.height = `${text.value ? Math.min(130, Math.max(30, el.scrollHeight)) : 30}px`;
  }, [text.value]);
  useEffect(() => () => shut(), []);

  const shut = () => {
    asking.current?.abort();
    choices.value = [];
    chosen.value = -1;
  };
  const offer = () => {
    const el = area.current;
    if (!el) return;
    asking.current?.abort();
    const caret = el.selectionStart;
    const place = placeAt(el.value, caret);
    chosen.value = -1;
    if (!place) {
      choices.value = [];
      return;
    }
    const known = { fields: fields.peek()?.fields ?? [], history: prefs.history.peek(), saved: saved.peek() };
    choices.value = local(place, el.value, caret, known);
    if (place.kind === 'value') void offerValues(place, el.value, caret);
  };
  const offerValues = async (place: Place & { kind: 'value' }, query: string, caret: number) => {
    const mine = new AbortController();
    asking.current = mine;
    const span = resolve(route.peek(), serverNow());
    const range = span ? absolute(span) : { from: '', to: '' };
    try {
      const own = choices.peek();
      const more = await values(place, query, caret, { ...range, store: route.peek().store }, mine.signal);
      if (!mine.signal.aborted) choices.value = [...own, ...more];
    } catch {
      // no completion is no harm
    }
  };
  const take = (at: number) => {
    const it = choices.peek()[at];
    const el = area.current;
    if (!it || !el) return;
    setText(it.query);
    el.value = it.query;
    el.setSelectionRange(it.caret, it.caret);
    el.focus();
    if (it.whole) void submit();
    else offer();
  };
  const submit = async () => {
    shut();
    patient.value = false;
    clearTimeout(typing.current);
    const answer = await Promise.race([parse(), late()]);
    if (answer && !answer.ok && answer.error) {
      const from = answer.error.offset ?? 0;
      area.current?.focus();
      const mistake = answer.tokens.find((t) => t.kind === 'error' && t.from <= from && t.to > from);
      area.current?.setSelectionRange(from, mistake?.to ?? from + (answer.error.length ?? 0));
      return;
    }
    onRun(text.peek());
    leave();
  };
  const onKeyDown = (ev: KeyboardEvent) => {
    const n = choices.peek().length;
    if (ev.key === 'Enter' && !ev.shiftKey && !ev.isComposing) {
      ev.preventDefault();
      if (n && chosen.peek() >= 0) take(chosen.peek());
      else void submit();
    } else if (ev.key === 'Tab' && n && chosen.peek() >= 0) {
      ev.preventDefault();
      take(chosen.peek());
    } else if (n && (ev.key === 'ArrowDown' || ev.key === 'ArrowUp')) {
      ev.preventDefault();
      const step = ev.key === 'ArrowDown' ? 1 : -1;
      chosen.value = chosen.peek() < 0 ? (step > 0 ? 0 : n - 1) : (chosen.peek() + step + n) % n;
      document.getElementById(`choice${chosen.peek()}`)?.scrollIntoView({ block: 'nearest' });
    } else if (ev.key === 'Escape') {
      ev.stopPropagation();
      if (n) shut();
      else {
        area.current?.blur();
        leave();
      }
    }
  };
  const onInput = (ev: InputEvent) => {
    setText((ev.currentTarget as HTMLTextAreaElement).value);
    patient.value = true;
    clearTimeout(typing.current);
    typing.current = setTimeout(() => {
      patient.value = false;
    }, PATIENCE_MS);
    offer();
  };

  return (
    <div class="qwrap">
      <div class={error ? 'qbox bad' : 'qbox'}>
        <Icon name="search" />
        <pre aria-hidden="true" ref={layer}>
          <Painted
            text={text.value}
            tokens={tokens.value}
            error={error}
            unknown={unknown.map((u) => u.field)}
          />
          {'\u200b'}
        </pre>
        <textarea
          id="q"
          ref={area}
          rows={1}
          spellcheck={false}
          autocapitalize="off"
          autocomplete="off"
          aria-label="Query"
          aria-autocomplete="list"
          aria-haspopup="listbox"
          aria-controls="choices"
          aria-activedescendant={chosen.value >= 0 ? `choice${chosen.value}` : undefined}
          aria-describedby="qmsg"
          aria-invalid={!!error}
          placeholder={'Search, e.g. app:sshd "failed password"'}
          value={text.value}
          onInput={onInput}
          onKeyDown={onKeyDown}
          onFocus={() => !text.peek() && offer()}
          onClick={offer}
          onScroll={(ev) => {
            if (layer.current) layer.current.scrollTop = ev.currentTarget.scrollTop;
          }}
          onBlur={() => {
            shut();
            patient.value = false;
          }}
        />
        <span class="qbtn">
          <kbd aria-hidden="true">/</kbd>
          <SavedMenu />
          <Button
            icon="x"
            tip="Clear"
            onClick={() => {
              setText('');
              area.current?.focus();
            }}
          />
        </span>
      </div>
      <div id="qmsg" role="status">
        {error && (
          <p class="qmsg">
            {error.column !== undefined && <strong class="err">Column {error.column}</strong>}
            <span class="err">
              <Ticks text={error.detail} />
            </span>
            {[error.hint, ...(error.hints ?? [])].filter(Boolean).map((hint) => (
              <span class="sub" key={hint}>
                <Ticks text={hint ?? ''} />
              </span>
            ))}
          </p>
        )}
        {!error &&
          !open &&
          unknown.map((u) => (
            <p class="qmsg" key={u.field}>
              <span class="warn">
                No event has a field <code>{u.field}</code>.
              </span>
              {u.suggestion && (
                <button
                  type="button"
                  onClick={() => {
                    setText(renameField(text.peek(), u.field, u.suggestion ?? u.field));
                    void submit();
                  }}
                >
                  Use {u.suggestion} instead
                </button>
              )}
            </p>
          ))}
      </div>
      <Choices onTake={take} />
    </div>
  );
}

function Choices({ onTake }: { onTake: (at: number) => void }) {
  const list = choices.value;
  return (
    <div class="comp" hidden={list.length === 0}>
      <div id="choices" role="listbox" aria-label="Completions" tabIndex={-1}>
        {list.map((c, i) => (
          <>
            {c.group !== list[i - 1]?.group && (
              <div class="grp" role="presentation" key={`group ${c.group}`}>
                {c.group}
              </div>
            )}
            <div
              class="opt"
              role="option"
              id={`choice${i}`}
              key={`${c.group} ${c.text}`}
              aria-selected={i === chosen.value}
              onMouseDown={(ev) => {
                ev.preventDefault();
                onTake(i);
              }}
            >
              <b class="cut">{clean(c.text, 200)}</b>
              <small class="cut">{clean(c.note, 200)}</small>
            </div>
          </>
        ))}
      </div>
      <div class="foot">
        <span>
          <kbd>↑↓</kbd> choose
        </span>
        <span>
          <kbd>Tab</kbd> take
        </span>
        <span>
          <kbd>Enter</kbd> search
        </span>
        <button
          type="button"
          class="push"
          tabIndex={-1}
          onMouseDown={(ev) => {
            ev.preventDefault();
            openHelp();
          }}
        >
          Syntax and examples
        </button>
      </div>
    </div>
  );
}
