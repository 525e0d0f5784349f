/** Upload: a log file becomes events, with progress. */
import { useRef, useState } from 'preact/hooks';
import { address, csrf, me } from '../api';
import type { Problem } from '../api-types';
import { bytes, int, many, percent } from '../format';
import { clean } from '../list/text';
import { iso } from '../time';
import { Button } from '../ui/button';
import { Choice, Field, text } from '../ui/field';
import { Failure } from '../ui/marks';
import { Box } from '../ui/table';
import { go } from '../url';

interface Progress {
  lines?: number;
  bytes?: number;
  /** Lines that were longer than a line may be. */
  cut?: number;
  done?: boolean;
  /** Why the file was not taken whole. */
  problem?: Problem;
}

interface Running {
  name: string;
  size: number;
  sent: number;
  progress: Progress;
  error: string;
  began: number;
}

const OPTIONS = ['format', 'host', 'app', 'year', 'timezone'];

const FORMATS = [
  ['auto', 'Auto: look at each line'],
  ['rfc5424', 'Syslog, RFC 5424'],
  ['rfc3164', 'Syslog, RFC 3164'],
  ['json', 'JSON, one object a line'],
] as const;

export function Upload() {
  const [file, setFile] = useState<File | null>(null);
  const [running, setRunning] = useState<Running | null>(null);
  const [over, setOver] = useState(false);
  const request = useRef<XMLHttpRequest | null>(null);
  const start = (ev: SubmitEvent) => {
    ev.preventDefault();
    if (!file) return;
    const form = ev.currentTarget as HTMLFormElement;
    const options = Object.fromEntries(OPTIONS.map((name) => [name, text(form, name)]));
    request.current = upload(file, options, setRunning);
  };
  const busy = running !== null && !running.error && !running.progress.done;
  return (
    <div class="page">
      <header>
        <h1>Upload</h1>
        <span class="sub">
          The lines of a file become events, as if they had been sent. gzip and zstd are recognised.
        </span>
      </header>
      <Box title="A log file">
        <form class="upload" onSubmit={start}>
          <label
            class={over ? 'drop over' : 'drop'}
            onDragOver={(ev) => {
              ev.preventDefault();
              setOver(true);
            }}
            onDragLeave={() => setOver(false)}
            onDrop={(ev) => {
              ev.preventDefault();
              setOver(false);
              setFile(ev.dataTransfer?.files[0] ?? null);
            }}
          >
            <span>
              {file ? (
                <>
                  <b class="any">{clean(file.name, 200)}</b>, {bytes(file.size)}
                </>
              ) : (
                'Drop a file here, or choose one'
              )}
            </span>
            <input
              type="file"
              aria-label="File"
              onChange={(ev) => setFile(ev.currentTarget.files?.[0] ?? null)}
            />
          </label>
          <div class="cols2">
            <Choice label="Format" name="format" options={FORMATS} />
            <Field label="Host, where a line names none" name="host" autoComplete="off" />
          </div>
          <div class="cols2">
            <Field label="Program, where a line names none" name="app" autoComplete="off" />
            <Field
              label="Year, where a time has none"
              name="year"
              numeric
              placeholder="the latest possible"
              autoComplete="off"
            />
          </div>
          <Field
            label="Time zone, where a time has none"
            name="timezone"
            placeholder="that of the first listener"
            autoComplete="off"
          />
          <div class="gap">
            <Button kind="primary" size="normal" submit disabled={!file || busy}>
              Upload
            </Button>
            {busy && (
              <Button kind="bad" size="normal" onClick={() => request.current?.abort()}>
                Cancel
              </Button>
            )}
          </div>
          {running && <State running={running} />}
        </form>
      </Box>
    </div>
  );
}

function State({ running: r }: { running: Running }) {
  const share = r.size ? Math.min(1, r.sent / r.size) : 1;
  const { progress: p } = r;
  return (
    <div class="field" role="status">
      <progress aria-label={`Upload of ${r.name}`} max={1} value={p.done ? 1 : share} />
      {r.error ? (
        <Failure what={r.error} />
      ) : p.done ? (
        <p class="gap">
          <b class="ok">{many(p.lines ?? 0, 'event')} taken</b>
          {(p.cut ?? 0) > 0 && <span class="warn">{many(p.cut ?? 0, 'long line')} cut</span>}
          <Button
            kind="plain"
            onClick={() => go({ view: 'explore', sub: '', q: '', from: iso(r.began - 1000), to: 'now' })}
          >
            Show them
          </Button>
        </p>
      ) : (
        <p class="sub">
          {percent(share * 100)} sent{p.lines !== undefined && ` · ${int(p.lines)} lines taken`}
        </p>
      )}
    </div>
  );
}

/** A request of the older kind: only it tells how much has been sent. */
function upload(file: File, options: Record<string, string>, tell: (r: Running) => void): XMLHttpRequest {
  const x = new XMLHttpRequest();
  let now: Running = {
    name: file.name,
    size: file.size,
    sent: 0,
    progress: {},
    error: '',
    began: Date.now(),
  };
  const update = (more: Partial<Running>) => {
    now = { ...now, ...more };
    tell(now);
  };
  update({});
  x.open('POST', address('upload', { name: file.name, ...options }));
  for (const [k, v] of Object.entries(csrf())) x.setRequestHeader(k, v);
  x.upload.onprogress = (ev) => update({ sent: ev.loaded });
  x.onprogress = () => update({ progress: lastLine(x.responseText) });
  x.onabort = () => update({ error: 'Cancelled. What was taken until then stays.' });
  x.onerror = () => update({ error: 'The connection broke. What was taken until then stays.' });
  x.onload = () => {
    if (x.status === 401) me.value = null;
    if (x.status >= 300) return update({ error: problem(x.responseText, x.status) });
    const progress = lastLine(x.responseText);
    update({ sent: file.size, progress, error: progress.done ? '' : sentence(progress.problem) });
  };
  x.send(file);
  return x;
}

function lastLine(body: string): Progress {
  for (const line of body.trimEnd().split('\n').reverse()) {
    try {
      return JSON.parse(line) as Progress;
    } catch {
      // half a line: the one before it is whole
    }
  }
  return {};
}

function problem(body: string, status: number): string {
  try {
    return sentence(JSON.parse(body) as Problem);
  } catch {
    return `the server answered ${status}`;
  }
}

function sentence(p: Problem | undefined): string {
  if (!p) return 'The answer broke off. What was taken until then stays.';
  return `${p.detail ?? p.title}${p.hint ? `: ${p.hint}` : ''}`;
}
