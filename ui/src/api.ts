/**
 * The one door to the server: requests, its problems as errors, who is logged in, whether it answers.
 * Not: what an answer is used for.
 */
import { signal } from '@preact/signals';
import type { LoginWays, Me, Problem } from './api-types';

export type Parameters = Record<string, string | number | boolean | null | undefined>;

/** What the server said when it refused. */
export class ApiError extends Error {
  readonly status: number;
  readonly problem: Problem;

  constructor(status: number, problem: Problem) {
    super(problem.detail || problem.title || `the server answered ${status}`);
    this.status = status;
    this.problem = problem;
  }

  get code(): string {
    return this.problem.code ?? '';
  }
}

/** The server could not be reached at all. */
export class Unreachable extends Error {}

/** Who is logged in; null while nobody is, undefined while it is not known yet. */
export const me = signal<Me | null | undefined>(undefined);
/** The ways to log in, when nobody is. */
export const loginWays = signal<LoginWays>({ form: true, oidc: null });
/** Since when the server does not answer, in milliseconds; 0 while it does. */
export const offlineSince = signal(0);
/** How far the server's clock is ahead of ours. */
let clockAhead = 0;

/** The server's time, as far as its answers tell. */
export function serverNow(): number {
  return Date.now() + clockAhead;
}

export function may(right: Me['may'][number]): boolean {
  return me.value?.may.includes(right) ?? false;
}

/** The address of a call; relative, so that the page also works below a path of a proxy. */
export function address(path: string, parameters: Parameters = {}): string {
  const p = new URLSearchParams();
  for (const [k, v] of Object.entries(parameters)) {
    if (v !== null && v !== undefined && v !== '') p.set(k, String(v));
  }
  const query = p.toString();
  return `api/${path}${query ? `?${query}` : ''}`;
}

export function get<T>(path: string, parameters?: Parameters, signal?: AbortSignal): Promise<T> {
  return call<T>(address(path, parameters), { method: 'GET', signal });
}

/** A request that changes something. */
export function send<T>(
  method: 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  path: string,
  body?: unknown,
): Promise<T> {
  return call<T>(address(path), {
    method,
    headers: { ...csrf(), ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
}

/** The header that a foreign page cannot send. */
export function csrf(): Record<string, string> {
  return { 'X-Loggr-Csrf': me.peek()?.csrf ?? '1' };
}

/** The ways of a log-in are no door that needs one. */
const OPEN = /^api\/(login|logout)/;

/** So often a question waits for its turn when too many of the reader's run at once. */
const MOST_TRIES = 5;

function pause(ms: number, signal?: AbortSignal | null): Promise<void> {
  return new Promise((done, failed) => {
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      failed(new DOMException('not wanted any more', 'AbortError'));
    });
  });
}

async function call<T>(url: string, init: RequestInit, tries = 0): Promise<T> {
  let response: Response;
  try {
    response = await fetch(url, {
      credentials: 'same-origin',
      cache: 'no-store',
      redirect: 'error',
      ...init,
    });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    if (!offlineSince.peek()) offlineSince.value = Date.now();
    throw new Unreachable('the server does not answer');
  }
  answered(response);
  if (response.status === 429 && init.method === 'GET' && tries < MOST_TRIES) {
    const seconds = Math.min(3, Number(response.headers.get('Retry-After')) || 1);
    await pause(seconds * 1000 * (0.5 + Math.random() / 2), init.signal);
    return call<T>(url, init, tries + 1);
  }
  if (response.ok) return (response.status === 204 ? undefined : await response.json()) as T;
  throw await refused(url, response);
}

function answered(response: Response): void {
  if (offlineSince.peek()) offlineSince.value = 0;
  const date = Date.parse(response.headers.get('Date') ?? '');
  // The header counts whole seconds: a small difference is no difference.
  const ahead = date + 500 - Date.now();
  if (Number.isFinite(ahead)) clockAhead = Math.abs(ahead) > 2000 ? ahead : 0;
}

async function refused(url: string, response: Response): Promise<ApiError> {
  let problem: Problem = {};
  try {
    problem = (await response.json()) as Problem;
  } catch {
    problem = { title: response.statusText };
  }
  if (response.status === 401 && !OPEN.test(url)) {
    if (problem.login) loginWays.value = problem.login;
    // Whether the session has ended, only this one says for all.
    if (url === 'api/me') me.value = null;
    else void refreshMe().catch(() => undefined);
  }
  const error = new ApiError(response.status, problem);
  if (response.status === 403 && url === 'api/me') {
    // Who has logged in is shown nothing, whatever is asked: the log-in says why, and lets in as somebody else.
    loginWays.value = { ...loginWays.peek(), problem: sentence(error) };
    me.value = null;
  }
  return error;
}

/** True for the error of a request that we ended ourselves. */
export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}

/** Asks who is logged in; also the question whether the server is back. */
export async function refreshMe(): Promise<void> {
  try {
    me.value = await get<Me>('me');
  } catch (error) {
    if (!(error instanceof ApiError && (error.status === 401 || error.status === 403))) throw error;
  }
}

/** A sentence for an error, whatever it is. */
export function sentence(error: unknown): string {
  if (error instanceof ApiError)
    return error.message + (error.problem.hint ? ` (${error.problem.hint})` : '');
  return error instanceof Error ? error.message : String(error);
}

/**
 * A feed of server-sent events. Returns what ends it. The browser connects again by itself; when it
 * gives up because of an error of HTTP, the feed is over and the cause is asked for over `me`.
 */
export function feed(
  url: string,
  on: Record<string, (data: unknown) => void>,
  lost?: (over: boolean) => void,
  opened?: () => void,
): () => void {
  const source = new EventSource(url);
  for (const [name, act] of Object.entries(on)) {
    source.addEventListener(name, (ev) => {
      try {
        act(JSON.parse((ev as MessageEvent<string>).data));
      } catch {
        // a broken line of a feed says nothing
      }
    });
  }
  if (opened) source.addEventListener('open', opened);
  source.addEventListener('error', () => {
    const over = source.readyState === EventSource.CLOSED;
    lost?.(over);
    if (over) void refreshMe().catch(() => undefined);
  });
  return () => source.close();
}
