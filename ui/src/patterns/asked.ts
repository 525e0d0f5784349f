/**
 * A question of the views beside Explore: its answer, what went wrong, since when it is asked. The answer
 * before stays until the next one is there, as what is from before.
 */
import { useEffect, useRef, useState } from 'preact/hooks';
import { get, isAbort, me, type Parameters } from '../api';

/** So long a question may take whose reader wants it whole. */
const PATIENT_SECONDS = 600;

export interface Asked<T> {
  answer: T | null;
  failed: unknown;
  /** When the running question began; 0 if none runs. */
  since: number;
  cancel: () => void;
  /** Asks the same again; `patient`: as long as the server allows. */
  again: (patient?: boolean) => void;
}

/** Asks `path` whenever `key` changes; null parameters ask nothing. */
export function useAsked<T>(path: string, parameters: () => Parameters | null, key: string): Asked<T> {
  const [answer, setAnswer] = useState<T | null>(null);
  const [failed, setFailed] = useState<unknown>(null);
  const [since, setSince] = useState(0);
  const running = useRef<AbortController | null>(null);
  const cancel = () => {
    running.current?.abort();
    running.current = null;
    setSince(0);
  };
  const ask = async (patient: boolean) => {
    cancel();
    const asked = parameters();
    if (!asked) return;
    const mine = new AbortController();
    running.current = mine;
    setSince(Date.now());
    const timeout = patient ? `${me.peek()?.limits?.timeout_seconds ?? PATIENT_SECONDS}s` : undefined;
    try {
      setAnswer(await get<T>(path, { timeout, ...asked }, mine.signal));
      setFailed(null);
    } catch (error) {
      if (isAbort(error)) return;
      setFailed(error);
    }
    if (running.current === mine) cancel();
  };
  useEffect(() => {
    void ask(false);
    return () => running.current?.abort();
  }, [path, key]);
  return { answer, failed, since, cancel, again: (patient = false) => void ask(patient) };
}
