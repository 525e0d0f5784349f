/** Beside an open row: from where it came and where it went. */
import type { EventAnswer, LogEvent, Step } from '../api-types';
import { barePeer, sealOf } from '../list/event';
import { clean } from '../list/text';
import * as prefs from '../prefs';
import { term } from '../query/rewrite';
import { fraction, stamp } from '../time';
import { Ticks, zoneName } from '../ui/marks';
import { ask } from './act';
import { defectOf } from './defects';

export function From({ event, whole }: { event: LogEvent; whole: EventAnswer | null }) {
  const o: Partial<NonNullable<LogEvent['origin']>> = event.origin ?? {};
  const entries: [string, string | undefined][] = [
    ['listener', o.listener],
    ['transport', o.transport],
    ['peer', o.peer],
    ['TLS name', o.tls_name || 'no certificate'],
    ['time zone', o.timezone],
    ['shape', whole?.shape],
    ['uid', event.uid],
  ];
  return (
    <div class="card">
      <h2>Origin</h2>
      <dl class="kv">
        {entries
          .filter(([, v]) => v)
          .map(([k, v]) => (
            <>
              <dt>{k}</dt>
              <dd>
                {k === 'peer' && v ? (
                  <button type="button" class="acc" onClick={() => ask(term('peer', barePeer(v)))}>
                    {clean(v, 200)}
                  </button>
                ) : (
                  clean(v ?? '', 400)
                )}
              </dd>
            </>
          ))}
        {whole?.seal && (
          <>
            <dt>seal</dt>
            <dd class={TONE[whole.seal.verdict]}>{sealOf(whole.seal)}</dd>
          </>
        )}
        {event.defects?.length ? (
          <>
            <dt>defects</dt>
            <dd>
              {event.defects.map((d) => (
                <div key={d}>
                  <span class="warn">{clean(d, 100)}</span>
                  <small>{defectOf(d, event.original_len)}</small>
                </div>
              ))}
            </dd>
          </>
        ) : null}
      </dl>
    </div>
  );
}

/** In which colour the verdict on a seal is written. */
const TONE: Record<string, string> = { good: 'ok', broken: 'err', no_key: 'warn' };

const WORD: Record<string, string> = { waiting: 'waits', rescued: 'rescued', unknown: 'not known here' };
const STATE: Record<string, string> = { waiting: 'wait', rescued: 'bad', unknown: 'open' };

export function Way({ steps }: { steps: readonly Step[] }) {
  const word = (s: Step) => (s.state ? (WORD[s.state] ?? '') : '');
  return (
    <div class="card">
      <h2>Where it went</h2>
      <ol class="trail">
        {steps.map((s, i) => (
          <li key={i} class={STATE[s.state ?? 'done'] ?? ''}>
            <span class="t">
              {s.at ? stamp(Date.parse(s.at), 'time', prefs.zone.value) + fraction(s.at, 3) : word(s)}
            </span>
            {title(s)}
            {s.detail && (
              <small>
                <Ticks text={clean(s.detail, 300)} />
              </small>
            )}
          </li>
        ))}
      </ol>
      <p class="sr">Times in {zoneName()}</p>
    </div>
  );
}

function title(s: Step): string {
  const word = s.step.charAt(0).toUpperCase() + s.step.slice(1);
  const name = s.name ? clean(s.name, 100) : '';
  if (s.state === 'waiting') return `Waiting for ${name || s.step}`;
  if (s.state === 'rescued') return `Rescued from ${name || s.step}`;
  return name ? `${word} · ${name}` : word;
}
