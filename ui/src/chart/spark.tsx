/** A row of small bars in the height of a line. */
import { grade } from '../list/event';

export function Spark({ counts, severity }: { counts: readonly number[]; severity: string }) {
  const max = Math.max(1, ...counts);
  const step = 120 / Math.max(1, counts.length);
  const tone = grade(severity) <= 3 ? ' bad' : grade(severity) === 4 ? ' mid' : '';
  return (
    <svg class={`spark${tone}`} viewBox="0 0 120 20" preserveAspectRatio="none" aria-hidden="true">
      {counts.map((v, i) => {
        if (!v) return null;
        const high = Math.max(1, (v / max) * 19);
        return <rect key={i} x={i * step} y={20 - high} width={Math.max(0.5, step - 1)} height={high} />;
      })}
    </svg>
  );
}
