/** A list of the server with what went wrong and how to fetch it again. */
import { useCallback, useEffect, useState } from 'preact/hooks';
import { get, sentence } from '../api';

export interface Loaded<T> {
  data: T | null;
  failed: string;
  /** When it was first asked for; 0 as soon as it is there. */
  since: number;
  again: () => Promise<void>;
}

export function useLoaded<T>(path: string): Loaded<T> {
  const [data, setData] = useState<T | null>(null);
  const [failed, setFailed] = useState('');
  const [begun] = useState(Date.now);
  const again = useCallback(async () => {
    try {
      setData(await get<T>(path));
      setFailed('');
    } catch (error) {
      setFailed(sentence(error));
    }
  }, [path]);
  useEffect(() => void again(), [again]);
  return { data, failed, since: data || failed ? 0 : begun, again };
}
