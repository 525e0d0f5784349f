/** Saved searches: opened, made the start page, shared, removed. */

import { useEffect, useState } from 'preact/hooks';
import { send, sentence } from '../api';
import type { Saved } from '../api-types';
import { clean } from '../list/text';
import { zone } from '../prefs';
import { Query } from '../query/coloured';
import { loadSaved, opened, save, saved } from '../query/saved';
import { rangeName } from '../time';
import { Button } from '../ui/button';
import { ask } from '../ui/dialog';
import { Failure } from '../ui/marks';
import { toast } from '../ui/say';
import { Box, Table } from '../ui/table';
import { href } from '../url';

export function SavedSearches() {
  const [failed, setFailed] = useState('');
  const attempt = (what: Promise<void>) =>
    what.then(() => setFailed('')).catch((e) => setFailed(sentence(e)));
  useEffect(() => void attempt(loadSaved()), []);
  const change = (s: Saved, more: Partial<Saved>) => void attempt(save({ ...s, ...more }));
  return (
    <Box title="Saved searches" note="the star marks your start page">
      <Failure what={failed} />
      {saved.value.length === 0 && <p class="pad sub">None yet. The star beside the query saves a search.</p>}
      {saved.value.length > 0 && (
        <Table
          label="Saved searches"
          columns={[
            { title: '', kind: 'tight' },
            { title: 'Name' },
            { title: 'Query', kind: 'full' },
            { title: 'Range' },
            { title: 'Columns' },
            { title: 'Owner' },
            { title: 'Seen by' },
            { title: '', kind: 'tight' },
          ]}
          rows={saved.value.map((s) => {
            const mine = s.mine !== false;
            return {
              key: `${s.owner} ${s.name}`,
              cells: [
                mine ? (
                  <Button
                    icon="star"
                    pressed={!!s.start}
                    tip={`Start page: ${clean(s.name, 200)}`}
                    onClick={() => change(s, { start: !s.start })}
                  />
                ) : (
                  ''
                ),
                <a class="strong" href={href(opened(s))}>
                  {clean(s.name, 200)}
                </a>,
                <Query q={s.q} />,
                rangeName({ from: s.from, to: s.to || 'now' }, Date.now(), zone.value),
                s.cols?.length ? <code>{s.cols.join(', ')}</code> : <span class="dim">default</span>,
                s.owner ?? 'everybody',
                // What is nobody's is everybody's.
                mine && s.owner ? (
                  <Button
                    class="flush"
                    onClick={() => change(s, { shared: !s.shared })}
                    tip="Change who sees it"
                  >
                    {s.shared ? 'everybody' : 'you alone'}
                  </Button>
                ) : (
                  'everybody'
                ),
                mine || s.removable ? <Button onClick={() => remove(s)}>Remove</Button> : '',
              ],
            };
          })}
        />
      )}
    </Box>
  );
}

function remove(s: Saved): void {
  ask({
    title: `Remove “${clean(s.name, 200)}”?`,
    yes: 'Remove',
    bad: true,
    children: <p>{s.shared ? 'Others see it too; it is gone for them as well.' : 'Only you see it.'}</p>,
    onYes: async () => {
      await send('DELETE', `saved/${encodeURIComponent(s.name)}`);
      await loadSaved();
      toast('Removed');
    },
  });
}
