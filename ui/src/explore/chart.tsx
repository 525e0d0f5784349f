/** The histogram over the rows, its legend, and by which field it is split. */
import { colourClass, Histogram, isWithout, seriesName } from '../chart/histogram';
import { int, span as length } from '../format';
import { alias } from '../query/complete';
import { Entry, Menu, Popover } from '../ui/popover';
import { go, route } from '../url';
import { filter, zoom } from './act';
import { isFormer } from './former';
import * as s from './search';

const SPLITS = ['severity', 'host', 'app', 'facility', 'listener', 'tag'];
const MOST_SPLITS = 12;

export function Chart() {
  const answer = s.bars.value;
  if (!answer) return null;
  const by = route.value.by;
  const failed = s.barsFailure.value !== null;
  // Bars of what is shown are worth more than none.
  const old = isFormer() || (failed && s.sameQuestion(answer.question, s.found.value?.question));
  const own = (s.fields.value?.fields ?? []).filter((x) => !x.core).sort((a, b) => b.events - a.events);
  const options = [...new Set([...SPLITS, ...own.slice(0, MOST_SPLITS).map((x) => alias(x.name)), by])];
  const totals = answer.series.map((_, k) => answer.buckets.reduce((n, b) => n + (b.counts[k] ?? 0), 0));
  return (
    <section class={old ? 'hist old' : 'hist'} aria-label="Events over time">
      <div class="hd">
        <Popover icon="view" tip="Split the bars by another field" label={`by ${by}`}>
          {(close) => (
            <Menu>
              <div class="grp">Split the bars by</div>
              {options.map((o) => (
                <Entry
                  key={o}
                  note={o === by ? '✓' : ''}
                  onClick={() => {
                    close();
                    go({ by: o }, 'replace');
                  }}
                >
                  {o}
                </Entry>
              ))}
            </Menu>
          )}
        </Popover>
        <span class="leg">
          {answer.series.map((name, k) =>
            totals[k] ? (
              <button
                key={k}
                type="button"
                title={
                  name !== null
                    ? `Only ${seriesName(answer, k)}`
                    : isWithout(answer, k)
                      ? `Without ${by}`
                      : 'All other values'
                }
                disabled={name === null && !isWithout(answer, k)}
                onClick={() => filter(by, name, name === null)}
              >
                <span class={`dot sq ${colourClass(answer, by, k)}`} />
                {seriesName(answer, k)}
                <span class="dim num">{int(totals[k] ?? 0)}</span>
              </button>
            ) : null,
          )}
        </span>
        <span class="push nowrap">
          {old ? 'from before, ' : answer.partial ? 'filling… ' : ''}one bar: {length(answer.width_ms)}
        </span>
      </div>
      {failed && !old ? (
        <p class="sub">The bars cannot be drawn now.</p>
      ) : (
        <Histogram answer={answer} range={answer.question.span} by={by} onZoom={zoom} />
      )}
    </section>
  );
}
