import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import {
  ApiError,
  address,
  get,
  isAbort,
  loginWays,
  me,
  offlineSince,
  refreshMe,
  send,
  serverNow,
  Unreachable,
} from './api';
import type { Me } from './api-types';

const ANNA: Me = { user: 'anna', role: 'viewer', via: 'session', may: ['search'], csrf: 'c5', version: '1' };
let asked: { url: string; init: RequestInit }[] = [];

function answers(...responses: (Response | Error)[]): void {
  const left = [...responses];
  vi.stubGlobal('fetch', async (url: string, init: RequestInit) => {
    asked.push({ url, init });
    init.signal?.throwIfAborted();
    const next = left.shift();
    if (!next || next instanceof Error) throw next ?? new TypeError('nothing more');
    return next;
  });
}

function problem(status: number, body: object, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers });
}

beforeEach(() => {
  asked = [];
  me.value = ANNA;
  offlineSince.value = 0;
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

test('an address leaves out what is not said', () => {
  expect(address('search', { q: 'a&b "c"', limit: 0, from: '', to: null, x: undefined })).toBe(
    'api/search?q=a%26b+%22c%22&limit=0',
  );
  expect(address('me')).toBe('api/me');
});

test('an answer is its JSON', async () => {
  answers(new Response('{"events":3}'));
  expect(await get('count')).toEqual({ events: 3 });
});

test('what changes something carries the header that a foreign page cannot send', async () => {
  answers(new Response(null, { status: 204 }));
  expect(await send('POST', 'logout')).toBeUndefined();
  expect(asked[0]?.init.headers).toMatchObject({ 'X-Loggr-Csrf': 'c5' });
});

test('a problem is an error with its sentence', async () => {
  answers(problem(400, { code: 'query_error', detail: 'never closed', column: 5 }));
  const error = await get('search').catch((e: unknown) => e);
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({
    message: 'never closed',
    status: 400,
    code: 'query_error',
    problem: { column: 5 },
  });
});

test('an error without a document is one too', async () => {
  answers(new Response('<html>', { status: 502, statusText: 'Bad Gateway' }));
  await expect(get('search')).rejects.toMatchObject({ status: 502, message: 'Bad Gateway' });
});

test('when the session has ended, nobody is logged in, and the ways in are known', async () => {
  answers(problem(401, {}), problem(401, { login: { form: true, oidc: 'Company' } }));
  await expect(get('search')).rejects.toMatchObject({ status: 401 });
  await vi.waitFor(() => expect(me.value).toBeNull());
  expect(loginWays.value.oidc).toBe('Company');
});

test('one refusal does not end a session that goes on', async () => {
  answers(problem(401, {}), new Response(JSON.stringify(ANNA)));
  await expect(get('search')).rejects.toMatchObject({ status: 401 });
  await vi.waitFor(() => expect(asked.length).toBe(2));
  expect(me.value).toEqual(ANNA);
});

test('a wrong password does not end anything', async () => {
  answers(problem(401, { detail: 'wrong' }));
  await expect(send('POST', 'login', {})).rejects.toMatchObject({ message: 'wrong' });
  expect(me.value).toEqual(ANNA);
});

test('a server that is away is noted until it answers', async () => {
  answers(new TypeError('refused'), new Response('{}'));
  await expect(get('me')).rejects.toBeInstanceOf(Unreachable);
  expect(offlineSince.value).toBeGreaterThan(0);
  await get('me');
  expect(offlineSince.value).toBe(0);
});

test('what we end ourselves is no outage', async () => {
  answers(new Response('{}'));
  const mine = new AbortController();
  mine.abort();
  const error = await get('search', {}, mine.signal).catch((e: unknown) => e);
  expect(isAbort(error)).toBe(true);
  expect(offlineSince.value).toBe(0);
});

test('a question waits for its turn', async () => {
  vi.useFakeTimers();
  answers(problem(429, {}, { 'Retry-After': '1' }), new Response('{"events":1}'));
  const answer = get('count');
  await vi.advanceTimersByTimeAsync(1500);
  expect(await answer).toEqual({ events: 1 });
  expect(asked.length).toBe(2);
});

test('a log-in that is slowed is not tried again by itself', async () => {
  answers(problem(429, { detail: 'wait a minute' }, { 'Retry-After': '60' }));
  await expect(send('POST', 'login', {})).rejects.toMatchObject({ status: 429 });
  expect(asked.length).toBe(1);
});

test('the clock of the server goes before ours', async () => {
  answers(
    new Response('{}', { headers: { Date: new Date(Date.now() + 60000).toUTCString() } }),
    new Response('{}', { headers: { Date: new Date().toUTCString() } }),
  );
  await get('me');
  expect(serverNow() - Date.now()).toBeGreaterThan(50000);
  await get('me');
  expect(Math.abs(serverNow() - Date.now())).toBeLessThan(50);
});

test('who has logged in and is shown nothing is told why, and can log in as somebody else', async () => {
  answers(problem(403, { detail: 'what `ben` may see is not known any more', hint: 'ask an administrator' }));
  await refreshMe();
  expect(me.value).toBeNull();
  expect(loginWays.value).toMatchObject({
    form: true,
    problem: 'what `ben` may see is not known any more (ask an administrator)',
  });
});
