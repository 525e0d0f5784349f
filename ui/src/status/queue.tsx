/** What waits in a queue: the first of its events, and how an operator purges it. */
import { useEffect, useState } from 'preact/hooks';
import { get, may, send, sentence } from '../api';
import type { LogEvent } from '../api-types';
import { int, many } from '../format';
import { Message } from '../list/message';
import { clean } from '../list/text';
import { zone } from '../prefs';
import { stamp } from '../time';
import { Button } from '../ui/button';
import { ask, Dialog, openDialog } from '../ui/dialog';
import { Field, text } from '../ui/field';
import { Failure, Severity } from '../ui/marks';
import { toast } from '../ui/say';
import { Table } from '../ui/table';

/** Events that are shown of a queue. */
const FIRST = 20;

export function openQueue(name: string): void {
  openDialog(() => <Waiting name={name} />);
}

const path = (name: string, what: string) => `queues/${encodeURIComponent(name)}/${what}`;

function Waiting({ name }: { name: string }) {
  const [events, setEvents] = useState<LogEvent[] | null>(null);
  const [failed, setFailed] = useState('');
  useEffect(() => {
    get<{ events: LogEvent[] }>(path(name, 'peek'), { limit: FIRST })
      .then((a) => setEvents(a.events))
      .catch((error) => setFailed(sentence(error)));
  }, [name]);
  return (
    <Dialog
      title={`Queue ${clean(name, 60)}`}
      shape="dlg wide"
      footer={
        may('operate') && (
          <Button kind="bad" size="normal" disabled={!events?.length} onClick={() => purge(name)}>
            Purge…
          </Button>
        )
      }
    >
      <Failure what={failed} />
      {events?.length === 0 && <p class="sub">Nothing waits in it now.</p>}
      {events && events.length > 0 && (
        <>
          <p class="sub">The next {many(events.length, 'event')} of it; they stay where they are.</p>
          <Table
            label={`Events in ${name}`}
            columns={[
              { title: 'Received', kind: 'tight' },
              { title: '', kind: 'tight' },
              { title: 'Host' },
              { title: 'Message', kind: 'full' },
            ]}
            rows={events.map((event) => ({
              key: event.uid,
              cells: [
                <span class="mono nowrap">{stamp(Date.parse(event.timegenerated), 'ms', zone.value)}</span>,
                <Severity severity={event.severity} />,
                clean(event.source, 60),
                <div class="pat">
                  <Message line={{ event, matches: [] }} wrap={false} />
                </div>,
              ],
            }))}
          />
        </>
      )}
    </Dialog>
  );
}

function purge(name: string): void {
  ask({
    title: `Purge queue “${name}”?`,
    yes: 'Purge the queue',
    no: 'Keep them',
    bad: true,
    children: (
      <>
        <p>
          All that waits in it will be gone for good and counted as <b>dropped</b> in the balance. Who did it
          and when is written to the security log.
        </p>
        <Field label={`Type ${name} to confirm`} name="name" required autoComplete="off" />
      </>
    ),
    onYes: async (form) => {
      if (text(form, 'name') !== name) throw new Error(`Type ${name} to confirm`);
      const end = await send<{ dropped: number }>('POST', path(name, 'purge'));
      toast(`${int(end.dropped)} events dropped`);
    },
  });
}
