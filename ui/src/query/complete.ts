/** What can follow at the caret: a field, a value, or, in an empty box, an old query. */
import { get } from '../api';
import type { FieldInfo, Saved, TopAnswer } from '../api-types';
import { int, many } from '../format';
import { quote } from './rewrite';

export interface Choice {
  group: string;
  text: string;
  note: string;
  /** The whole query when it is taken, and where the caret stands then. */
  query: string;
  caret: number;
  /** It is a whole query, which runs at once. */
  whole?: boolean;
}

export type Place =
  | { kind: 'empty' }
  | { kind: 'field'; word: string; from: number }
  | { kind: 'value'; field: string; word: string; from: number };

/** Where the caret stands in a query. Null: inside of a phrase or after a space, where nothing is offered. */
export function placeAt(query: string, caret: number): Place | null {
  if (!query.trim()) return { kind: 'empty' };
  const before = query.slice(0, caret);
  const value = /(?:^|[\s(!-])((?:[\p{L}\p{N}_.@/-]|\\.)+):(?:\()?("?)([^\s()"]*)$/u.exec(before);
  if (value) {
    const word = value[3] ?? '';
    return {
      kind: 'value',
      field: (value[1] ?? '').replace(/\\(.)/g, '$1'),
      word,
      from: caret - word.length - (value[2] ?? '').length,
    };
  }
  if ((before.split('"').length - 1) % 2 === 1) return null;
  const word = /(?:^|[\s(!-])([\p{L}_@][\p{L}\p{N}_.@/-]*)$/u.exec(before)?.[1];
  return word ? { kind: 'field', word, from: caret - word.length } : null;
}

export const CORE_FIELDS = [
  'severity',
  'host',
  'app',
  'message',
  'facility',
  'procid',
  'msgid',
  'tag',
  'listener',
  'transport',
  'peer',
  'tls_name',
  'defect',
  'shape',
  'uid',
  '_time',
  'timereported',
];

export interface Known {
  fields: readonly FieldInfo[];
  history: readonly string[];
  saved: readonly Saved[];
}

const MOST = 9;

/** What is offered without asking anybody. */
export function local(place: Place, query: string, caret: number, known: Known): Choice[] {
  if (place.kind === 'empty') return forEmpty(known);
  if (place.kind === 'value') {
    if (place.field !== 'severity' && place.field !== 'level') return [];
    return ['>=warning', '>=err']
      .filter((v) => v.startsWith(place.word) || !place.word)
      .map((v) => taken(`Values of ${place.field}`, v, 'or graver', v, query, place.from, caret));
  }
  const word = place.word.toLowerCase();
  const seen = new Map<string, string>();
  for (const f of known.fields) seen.set(alias(f.name), `${int(f.events)} events`);
  for (const f of CORE_FIELDS) if (!seen.has(f)) seen.set(f, '');
  const names = [...seen.keys()].filter((n) => n.toLowerCase().includes(word) && n !== place.word);
  names.sort((a, b) => Number(b.toLowerCase().startsWith(word)) - Number(a.toLowerCase().startsWith(word)));
  return names
    .slice(0, MOST)
    .map((n) => taken('Fields', `${n}:`, seen.get(n) ?? '', `${n}:`, query, place.from, caret));
}

/** The short name of a field, where it has one. */
export function alias(name: string): string {
  return name === 'source' ? 'host' : name === 'app_name' ? 'app' : name;
}

function forEmpty(known: Known): Choice[] {
  const whole = (group: string, text: string, note: string, query: string): Choice => ({
    group,
    text,
    note,
    query,
    caret: query.length,
    whole: true,
  });
  return [
    ...known.history.slice(0, 5).map((q) => whole('Recent', q, '', q)),
    ...known.saved.slice(0, 5).map((s) => whole('Saved', s.name, s.q, s.q)),
    whole('Begin with', 'severity:>=warning', 'warning or graver', 'severity:>=warning'),
    ...['host', 'app'].map((f) => ({
      ...whole('Begin with', `${f}:`, 'its values follow', `${f}:`),
      whole: false,
    })),
  ];
}

/** Values of a field, of the range that is looked at, from the server. */
export async function values(
  place: Place & { kind: 'value' },
  query: string,
  caret: number,
  range: { from: string; to: string; store: string },
  signal: AbortSignal,
): Promise<Choice[]> {
  const parameters = { field: place.field, prefix: place.word, limit: MOST, ...range };
  const answer = await get<TopAnswer>('values', parameters, signal);
  return answer.values.map((v) =>
    taken(
      `Values of ${place.field} in this range`,
      v.value,
      many(v.events, 'event'),
      `${quote(v.value)} `,
      query,
      place.from,
      caret,
    ),
  );
}

function taken(
  group: string,
  text: string,
  note: string,
  insert: string,
  query: string,
  from: number,
  caret: number,
): Choice {
  const rest = query.slice(caret).replace(/^[^\s()":]+/, '');
  const head = query.slice(0, from) + insert;
  return {
    group,
    text,
    note,
    query: head + (insert.endsWith(' ') ? rest.trimStart() : rest),
    caret: head.length,
  };
}
