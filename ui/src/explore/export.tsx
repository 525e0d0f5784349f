/** All hits as a file, streamed by the server. */
import { address } from '../api';
import { many } from '../format';
import { bareName } from '../query/rewrite';
import { iso } from '../time';
import { Entry, Menu, Popover } from '../ui/popover';
import { copy, toast } from '../ui/say';
import { shownColumns } from './act';
import { counted, found, parameters } from './search';

const FORMATS = [
  ['ndjson', 'NDJSON', 'every field'],
  ['csv', 'CSV', 'shown columns'],
  ['text', 'Text', 'as lines'],
] as const;

export function Export() {
  const n = counted.value?.events;
  return (
    <Popover icon="save" tip="Download all of the result" label={<span class="hide-s">Export</span>}>
      {(close) => (
        <Menu>
          <div class="grp">{n === undefined ? 'All events' : `All ${many(n, 'event')}`} of this search</div>
          {FORMATS.map(([format, name, note]) => (
            <Entry
              key={format}
              note={note}
              onClick={() => {
                close();
                download(format);
              }}
            >
              {name}
            </Entry>
          ))}
          <hr />
          <Entry
            note="loggr search"
            onClick={() => {
              close();
              void copy(command(), 'the command');
            }}
          >
            Copy the command
          </Entry>
        </Menu>
      )}
    </Popover>
  );
}

function download(format: (typeof FORMATS)[number][0]): void {
  const question = found.peek()?.question;
  if (!question) return;
  const columns =
    format === 'csv'
      ? ['timegenerated', 'severity', ...shownColumns().map(bareName), 'message'].join(',')
      : '';
  const link = document.createElement('a');
  link.href = address('export', { ...parameters(question), format, columns });
  link.download = '';
  document.body.append(link);
  link.click();
  link.remove();
  toast('The export has begun; the browser shows how far it is');
}

/** The same search for a terminal. */
export function command(): string {
  const question = found.peek()?.question;
  if (!question) return 'loggr search';
  const q = question.q.replace(/'/g, `'\\''`);
  return `loggr search --since ${iso(question.span.from)} --until ${iso(question.span.to)} '${q}'`;
}
