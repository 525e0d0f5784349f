import { describe, expect, test } from 'vitest';
import type { LogEvent } from '../api-types';
import { asText, barePeer, fieldsOf, flat, valuesOf } from './event';
import { equalColumns, items, join, type Line, nextAt } from './rows';

const line = (uid: string, more: Partial<LogEvent> = {}): Line => ({
  event: {
    uid,
    timereported: '2026-11-29T21:00:00.000001Z',
    timegenerated: '2026-11-29T21:00:00.123456Z',
    severity: 'info',
    facility: 'user',
    source: 'web1',
    app_name: 'app',
    message: 'm',
    tags: [],
    fields: {},
    ...more,
  },
  matches: [],
});
const uids = (lines: readonly Line[]) => lines.map((l) => l.event.uid).join('');

describe('items', () => {
  const kinds = (lines: Line[], open = '') =>
    items(lines, open, 'utc', true)
      .map((i) => i.kind)
      .join(' ');
  test('none', () => expect(kinds([])).toBe('end'));
  test('rows and the end', () => expect(kinds([line('a'), line('b')])).toBe('row row end'));
  test('the open row has its detail under it', () =>
    expect(kinds([line('a'), line('b')], 'a')).toBe('row detail row end'));
  test('a new day is named', () =>
    expect(kinds([line('a'), line('b', { timegenerated: '2026-11-28T23:00:00Z' })])).toBe('row day row end'));
  test('keys are different', () => {
    const keys = items([line('a'), line('b')], 'a', 'utc', true).map((i) => i.key);
    expect(new Set(keys).size).toBe(keys.length);
  });
});

test('lines join without one twice', () => {
  const held = [line('b'), line('c')];
  expect(uids(join(held, [line('a'), line('b')], 'before'))).toBe('abc');
  expect(uids(join(held, [line('c'), line('d')], 'behind'))).toBe('bcd');
});

test('columns that are equal in all rows', () => {
  const lines = [line('a', { app_name: 'x' }), line('b', { app_name: 'y' })];
  expect([...equalColumns(lines, ['host', 'app', 'user'])]).toEqual([
    ['host', 'web1'],
    ['user', ''],
  ]);
  expect(equalColumns([line('a')], ['host']).size).toBe(0);
});

test('the next line that passes', () => {
  const lines = [line('a'), line('b', { severity: 'err' }), line('c')];
  const error = (e: LogEvent) => e.severity === 'err';
  expect(nextAt(lines, -1, 1)).toBe(0);
  expect(nextAt(lines, -1, 1, error)).toBe(1);
  expect(nextAt(lines, 1, 1, error)).toBe(-1);
  expect(nextAt(lines, 3, -1)).toBe(2);
});

describe('an event', () => {
  const e = line('a', {
    fields: { status: ['200'], level: ['own'], constructor: ['1'], 'user name': ['a', 'b'] },
    structured_data: { 'ex@32473': { iut: ['3'] } },
    tags: ['t1', 't2'],
    origin: { peer: '10.0.0.1:4711', listener: 'tcp', transport: 'tcp' },
  }).event;
  test('has values by name', () => {
    expect(valuesOf(e, 'host')).toEqual(['web1']);
    expect(valuesOf(e, 'status')).toEqual(['200']);
    expect(valuesOf(e, 'fields.level')).toEqual(['own']);
    expect(valuesOf(e, 'ex@32473.iut')).toEqual(['3']);
    expect(valuesOf(e, 'peer')).toEqual(['10.0.0.1']);
    expect(valuesOf(e, 'toString')).toEqual([]);
    expect(valuesOf(e, '__proto__')).toEqual([]);
    expect(valuesOf(e, 'constructor')).toEqual(['1']);
  });
  test('lists all its fields', () =>
    expect(fieldsOf(e).map((f) => f.name)).toEqual(
      'severity facility host app status level constructor,user name,ex@32473.iut,tag'.split(/[ ,](?!name)/),
    ));
  test('is a line of text', () =>
    expect(asText({ ...e, procid: '7' }, 'utc', 'received')).toBe(
      '2026-11-29T21:00:00.123456Z web1 app[7]: m',
    ));
  test('is flat for a comparison', () => expect(flat(e).get('fields.level')).toBe('own'));
});

test('addresses of peers', () => {
  const check = (peer: string, expected: string) => expect(barePeer(peer)).toBe(expected);
  check('10.0.0.1:4711', '10.0.0.1');
  check('10.0.0.1', '10.0.0.1');
  check('[2001:db8::1]:555', '2001:db8::1');
  check('2001:db8::1', '2001:db8::1');
  check('/dev/log', '/dev/log');
});
