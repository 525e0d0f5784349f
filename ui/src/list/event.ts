/** What an event says under the names of the query language. Not: how it is drawn. */
import type { EventAnswer, LogEvent } from '../api-types';
import { span } from '../format';
import { bareName, fieldName } from '../query/rewrite';
import { fraction, stamp, type Zone } from '../time';

export const SEVERITIES = ['emerg', 'alert', 'crit', 'err', 'warning', 'notice', 'info', 'debug'] as const;
const LETTERS = 'MACEWNID';

/** 0 to 7; 7 for a word that nobody knows. */
export function grade(severity: string): number {
  const i = (SEVERITIES as readonly string[]).indexOf(severity);
  return i < 0 ? 7 : i;
}

export function isSeverity(word: string): boolean {
  return (SEVERITIES as readonly string[]).includes(word);
}

export function letter(severity: string): string {
  return LETTERS[grade(severity)] ?? 'D';
}

export interface Field {
  name: string;
  values: string[];
  /** A custom field, whatever its name. */
  own?: boolean;
}

const one = (v: string | undefined) => (v ? [v] : []);

const CORE: Record<string, (e: LogEvent) => string[]> = {
  severity: (e) => one(e.severity),
  facility: (e) => one(e.facility),
  host: (e) => one(e.source),
  source: (e) => one(e.source),
  app: (e) => one(e.app_name),
  app_name: (e) => one(e.app_name),
  procid: (e) => one(e.procid),
  msgid: (e) => one(e.msgid),
  tag: (e) => e.tags ?? [],
  defect: (e) => e.defects ?? [],
  listener: (e) => one(e.origin?.listener),
  transport: (e) => one(e.origin?.transport),
  peer: (e) => one(e.origin?.peer && barePeer(e.origin.peer)),
  tls_name: (e) => one(e.origin?.tls_name),
  uid: (e) => one(e.uid),
  message: (e) => one(e.message),
};

/** The address without its port, as the query language compares it. */
export function barePeer(peer: string): string {
  const bracketed = /^\[(.+)\](?::\d+)?$/.exec(peer);
  if (bracketed) return bracketed[1] ?? peer;
  return (peer.match(/:/g)?.length ?? 0) === 1 ? peer.replace(/:\d+$/, '') : peer;
}

/** The values that an event has under a name, as a query has it. */
export function valuesOf(e: LogEvent, asked: string): string[] {
  const name = bareName(asked);
  if (Object.hasOwn(CORE, name)) return CORE[name]?.(e) ?? [];
  const plain = name.startsWith('fields.') ? name.slice(7) : name;
  if (e.fields && Object.hasOwn(e.fields, plain)) return e.fields[plain] ?? [];
  for (const [id, parameters] of Object.entries(e.structured_data ?? {})) {
    if (name.startsWith(`${id}.`) && Object.hasOwn(parameters, name.slice(id.length + 1))) {
      return parameters[name.slice(id.length + 1)] ?? [];
    }
  }
  return [];
}

/** Every field of an event but its message and times: those of the line first, then its own. */
export function fieldsOf(e: LogEvent): Field[] {
  const core = ['severity', 'facility', 'host', 'app', 'procid', 'msgid'].map((name) => ({
    name,
    values: valuesOf(e, name),
  }));
  const own = Object.entries(e.fields ?? {}).map(([name, values]) => ({ name, values, own: true }));
  const structured = Object.entries(e.structured_data ?? {}).flatMap(([id, parameters]) =>
    Object.entries(parameters).map(([name, values]) => ({ name: `${id}.${name}`, values })),
  );
  const rest = ['tag', 'defect'].map((name) => ({ name, values: valuesOf(e, name) }));
  return [...core, ...own, ...structured, ...rest].filter((f) => f.values.length > 0);
}

export interface Times {
  received: number;
  reported: number;
  /** How far the sender's clock is behind ours, in milliseconds. */
  skew: number;
}

export function times(e: LogEvent): Times {
  const received = Date.parse(e.timegenerated);
  const reported = Date.parse(e.timereported);
  return { received, reported, skew: received - reported };
}

/** From this difference on, the two clocks are said to differ. */
export const SKEW_MS = 2000;

/** What it means that both times of an event differ so much; empty where they do not. */
export function skewed(skew: number): string {
  if (!(Math.abs(skew) > SKEW_MS)) return '';
  return skew > 0
    ? `written ${span(skew)} before it was received: it was late, or the sender's clock is behind`
    : `written ${span(skew)} after it was received: the sender's clock is ahead`;
}

/** One line of text, as a file of the event would have it. */
export function asText(e: LogEvent, zone: Zone, clock: 'received' | 'reported'): string {
  const written = clock === 'reported' ? e.timereported : e.timegenerated;
  const at = stamp(Date.parse(written), 'full', zone).replace(' ', 'T') + fraction(written, 6);
  const pid = e.procid ? `[${e.procid}]` : '';
  return `${at}${zone === 'utc' ? 'Z' : ''} ${e.source} ${e.app_name}${pid}: ${e.message}`;
}

/** All of an event by name, for a comparison of two. */
export function flat(e: LogEvent): Map<string, string> {
  const out = new Map<string, string>();
  out.set('received', e.timegenerated);
  out.set('reported', e.timereported);
  for (const f of fieldsOf(e)) out.set(f.own ? fieldName(f.name, true) : f.name, f.values.join(', '));
  for (const name of ['listener', 'transport', 'peer', 'tls_name']) {
    const v = valuesOf(e, name).join(', ');
    if (v) out.set(name, v);
  }
  out.set('message', e.message);
  out.set('uid', e.uid);
  return out;
}

const SEAL: Record<string, string> = {
  broken: 'broken: the event was changed, or no key here fits',
  no_key: 'there is no key here to verify it',
};

/** Whether the seal of an event is good, in words. */
export function sealOf({ verdict, key }: NonNullable<EventAnswer['seal']>): string {
  return key ? `${verdict}, key ${key}` : (SEAL[verdict] ?? verdict);
}
