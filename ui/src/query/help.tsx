/** Keys and syntax: the keys from their one table, the examples from the reader's own data. */
import { fields, found } from '../explore/search';
import { KEYS } from '../keys';
import { grade, SEVERITIES, valuesOf } from '../list/event';
import { closeDialog, Dialog, openDialog } from '../ui/dialog';
import { Severity } from '../ui/marks';
import { go } from '../url';
import { Query } from './coloured';
import { term } from './rewrite';

export function openHelp(): void {
  openDialog(() => <Help />);
}

function Help() {
  const groups = [...new Set(KEYS.map((k) => k.group))];
  return (
    <Dialog title="Keys and syntax" shape="dlg wide">
      <div class="keys">
        {groups.map((g) => (
          <section key={g}>
            <h2>{g}</h2>
            <dl>
              {KEYS.filter((k) => k.group === g).map((k) => (
                <>
                  <dt>
                    <kbd>{k.key}</kbd>
                  </dt>
                  <dd>{k.what}</dd>
                </>
              ))}
            </dl>
          </section>
        ))}
        <section>
          <h2>Signs in the rows</h2>
          <dl>
            {SEVERITIES.map((s) => (
              <>
                <dt>
                  <Severity severity={s} />
                </dt>
                <dd>{s}</dd>
              </>
            ))}
            <dt class="warn">Δ</dt>
            <dd>written and received at different times: the event was late, or a clock is wrong</dd>
          </dl>
        </section>
      </div>
      <div>
        <h2>Syntax, with examples from what is shown: choose one to try it</h2>
        <div class="menu examples">
          {examples().map(([q, what]) => (
            <button
              key={q}
              type="button"
              onClick={() => {
                closeDialog();
                go({ view: 'explore', sub: '', q, id: '' });
              }}
            >
              <Query q={q} />
              <small>{what}</small>
            </button>
          ))}
        </div>
      </div>
    </Dialog>
  );
}

/** Examples of the language, made of the events that are on the page. */
export function examples(): [string, string][] {
  const events = (found.peek()?.lines ?? []).slice(0, 200).map((l) => l.event);
  const first = (name: string, other: string) =>
    events.flatMap((e) => valuesOf(e, name)).find((v) => /^[\w.-]{1,40}$/.test(v)) ?? other;
  const app = first('app', 'sshd');
  const apps = [...new Set(events.map((e) => e.app_name))].filter((a) => /^[\w-]+$/.test(a) && a !== app);
  const worst = events.reduce((w, e) => (grade(e.severity) < grade(w) ? e.severity : w), 'warning');
  const words = events.flatMap((e) => e.message.slice(0, 200).match(/\b[a-z]{4,14}\b/g) ?? []);
  const [one = 'failed', two = 'password'] = [...new Set(words)];
  const kinds = fields.peek()?.fields ?? [];
  /** The first field of this kind, or whose values on the page look like it. */
  const field = (of: (kind: string) => boolean, looks: RegExp) =>
    kinds.find((f) => !f.core && (of(f.kind) || seen(f.name, looks).length > 0))?.name;
  const seen = (name: string, looks: RegExp) => {
    const values = events.flatMap((e) => valuesOf(e, name));
    return values.every((v) => looks.test(v)) ? values : [];
  };
  const number = field((k) => k === 'integer' || k === 'float', /^\d{1,9}$/);
  const numbers = (number ? seen(number, /^\d{1,9}$/) : []).map(Number);
  const range = numbers.length ? `${Math.min(...numbers)} TO ${Math.max(...numbers)}` : '500 TO 599';
  const address = field((k) => k === 'ip', /^\d{1,3}(\.\d{1,3}){3}$/) ?? 'client_ip';
  const text = kinds.find((f) => !f.core && (f.kind === 'text' || f.kind === 'word'))?.name ?? 'user';
  const network = first(address, '192.0.2.1').replace(/\.\d+$/, '.0/24');
  return [
    [`${one} ${two}`, 'both words, any order, any case'],
    [`"${one} ${two}"`, 'exactly this text'],
    [`${term('app', app)} -severity:debug`, 'a field, and not this one'],
    [`app:(${app} OR ${apps[0] ?? 'cron'})`, 'one of several'],
    [`severity:>=${worst}`, `${worst} or graver`],
    [`${number ?? 'status'}:[${range}]`, 'a range of numbers'],
    [`${address}:${network.includes('/') ? network : '192.0.2.0/24'}`, 'addresses of a network'],
    [`${one.slice(0, 4)}*`, 'a word that begins so'],
    ['message:/timed? out/', 'a regular expression'],
    [`${text}:*`, 'the field is there'],
  ];
}
