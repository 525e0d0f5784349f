import { expect, test } from 'vitest';
import { hear, heard, unread, worded } from './heard';

const notice = (kind: string, subject: string | null, text: string | null = null) => ({
  time: '2026-11-29T21:04:30.000000Z',
  notice: kind,
  subject,
  text,
  process: { host: 'log1', component: 'server', name: null },
});
const check = (
  kind: string,
  subject: string | null,
  text: string | null,
  expected: [string, string, string],
) =>
  test(kind, () => {
    const { tone, what, detail } = worded(notice(kind, subject, text));
    expect([tone, what, detail]).toEqual(expected);
  });

check('ship.failing', 'db', 'disk full', ['err', 'Shipper `db` is in trouble', 'disk full, on log1']);
check('ship.recovered', 'db', null, ['ok', 'Shipper `db` has recovered', 'on log1']);
check('listener.up', 'relp', '[::]:514', ['', 'Listener `relp` listens', '[::]:514, on log1']);
check('listener.down', 'relp', null, ['warn', 'Listener `relp` has stopped listening', 'on log1']);
check('process.started', null, null, ['', 'Process `server` has started', 'on log1']);
check('process.stopped', null, null, ['warn', 'Process `server` has stopped', 'on log1']);
check('rescue.failing', 'rescue', 'full', ['err', 'The rescue is in trouble', 'full, on log1']);
check('store.failing', 'search', null, ['err', 'Store `search` is in trouble', 'on log1']);
check('odd', null, null, ['', 'odd', 'on log1']);

test('a notice without more', () =>
  expect(worded({ time: 'never', notice: '' })).toEqual({
    at: 0,
    tone: '',
    what: 'Something has changed',
    detail: '',
  }));

test('only troubles ring, and the list has an end', () => {
  for (let n = 0; n < 150; n += 1) hear(notice(n % 3 ? 'listener.up' : 'ship.failing', 'x'));
  expect([heard.peek().length, unread.peek()]).toEqual([100, 50]);
  expect(heard.peek()[0]?.key).toBe(150);
});
