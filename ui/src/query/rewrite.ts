/**
 * Changes of a query's text by a click: include a value, exclude it, take a term out.
 * It knows only where terms begin and end; what they mean, the server knows.
 */

export interface Term {
  from: number;
  to: number;
  text: string;
}

/** The terms outside of parentheses, and whether an `or` stands between them. */
export function terms(query: string): { terms: Term[]; or: boolean } {
  const found: Term[] = [];
  let or = false;
  let i = 0;
  while (i < query.length) {
    if (/\s/.test(query[i] ?? '')) {
      i += 1;
      continue;
    }
    const from = i;
    i = endOfTerm(query, i);
    const text = query.slice(from, i);
    if (/^(or|\|\|)$/i.test(text)) or = true;
    else if (!/^(and|&&)$/i.test(text)) found.push({ from, to: i, text });
  }
  return { terms: joinNot(query, found), or };
}

/** `NOT x` is one term. */
function joinNot(query: string, list: Term[]): Term[] {
  const out: Term[] = [];
  for (const t of list) {
    const last = out.at(-1);
    if (last && /(^|\s)(not|!|-)$/i.test(last.text)) {
      out[out.length - 1] = { from: last.from, to: t.to, text: query.slice(last.from, t.to) };
    } else out.push(t);
  }
  return out;
}

function endOfTerm(query: string, start: number): number {
  let depth = 0;
  let i = start;
  while (i < query.length) {
    const c = query[i] ?? '';
    if (c === '\\') i += 2;
    else if (c === '"') i = endOfQuote(query, i, '"');
    else if (c === '/' && query[i - 1] === ':' && regexEnd(query, i) > 0) i = regexEnd(query, i);
    else if ((c === '[' || c === '{') && query[i - 1] === ':') i = endOfRange(query, i);
    else if (c === '(') {
      depth += 1;
      i += 1;
    } else if (c === ')') {
      depth -= 1;
      i += 1;
      if (depth <= 0) return i;
    } else if (depth === 0 && /\s/.test(c)) return i;
    else i += 1;
  }
  return query.length;
}

function endOfQuote(query: string, start: number, quote: string): number {
  let i = start + 1;
  while (i < query.length && query[i] !== quote) i += query[i] === '\\' ? 2 : 1;
  return Math.min(query.length, i + 1);
}

/** A regular expression ends with a slash before a space, a parenthesis or the end; else it is a path. */
function regexEnd(query: string, start: number): number {
  const end = endOfQuote(query, start, '/');
  return query[end - 1] === '/' && end > start + 1 && /^(\s|\)|$)/.test(query.slice(end, end + 1)) ? end : -1;
}

function endOfRange(query: string, start: number): number {
  const end = query.slice(start).search(/[\]}]/);
  return end < 0 ? query.length : start + end + 1;
}

const CORE = new Set(
  '_time timegenerated timereported severity level facility source host hostname app_name app programname procid pid msgid message msg tag tags uid listener transport peer tls_name defect defects shape'.split(
    ' ',
  ),
);

export function isCore(name: string): boolean {
  return CORE.has(name.toLowerCase());
}

/** The bare name of a field as a query has it. `own`: it is a custom field, whatever its name. */
export function fieldName(name: string, own = false): string {
  const safe = name.replace(/[^\p{L}\p{N}_.\-@/]/gu, (c) => `\\${c}`);
  const plain = /^[\p{L}_@]/u.test(name) && !isCore(name) && !name.startsWith('fields.');
  return own && !plain ? `fields.${safe}` : safe;
}

/** The name as it is without a query around it: no backslashes. */
export function bareName(name: string): string {
  return name.replace(/\\(.)/gs, '$1');
}

/** A value, in quotes where it needs them. */
export function quote(value: string): string {
  if (/^[\w][\w.@/-]*$/.test(value) && !/^(and|or|not)$/i.test(value)) return value;
  return `"${value.replace(/[\\"]/g, (c) => `\\${c}`)}"`;
}

/** `field:value`, the field as a query has it; a value of null means that the field is there. */
export function term(field: string, value: string | null): string {
  return `${field}:${value === null ? '*' : quote(value)}`;
}

/** The query with this term alone left to pass (or, with `not`, to fail). Its opposite is taken out. */
export function include(query: string, wanted: string, not = false): string {
  const { terms: list, or } = terms(query);
  if (or) return `${wrapped(query) ? query.trim() : `(${query.trim()})`} ${not ? '-' : ''}${wanted}`;
  const rest = list.filter((t) => positive(t.text) !== wanted).map((t) => t.text);
  return [...rest.filter((t) => t !== '*'), (not ? '-' : '') + wanted].join(' ');
}

/** The query without one of its terms, by their order. */
export function without(query: string, at: number): string {
  const { terms: list, or } = terms(query);
  if (or) return query;
  return list
    .filter((_, i) => i !== at)
    .map((t) => t.text)
    .join(' ');
}

function positive(text: string): string {
  return text.replace(/^(-|!|not\s+)/i, '');
}

function wrapped(query: string): boolean {
  const q = query.trim();
  return q.startsWith('(') && endOfTerm(q, 0) === q.length;
}

/** A name in a query replaced by another, where it stands as a field. */
export function renameField(query: string, from: string, to: string): string {
  const safe = from.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
  return query.replace(new RegExp(`(^|[\\s(!-])${safe}(?=:)`, 'g'), `$1${to}`);
}
