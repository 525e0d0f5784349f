/**
 * The names that the page has for what the API answers. What they are is made of its OpenAPI document
 * (api-schema.ts); what that does not describe stands in api-by-hand.ts.
 */
import type { components, operations } from './api-schema';

export type * from './api-by-hand';

type Schema = components['schemas'];
/** What an operation answers with JSON. */
type Answered<O extends keyof operations> = operations[O] extends {
  responses: { 200: { content: { 'application/json': infer A } } };
}
  ? A
  : never;

/** A problem, or what a proxy says instead of one. */
export type Problem = Partial<Schema['Problem']>;
/** What every answer of a query says. */
export type Answer = Pick<Schema['Page'], 'stats' | 'partial' | 'warnings' | 'range'>;

export type SearchAnswer = Answered<'getSearch'>;
export type LogEvent = Schema['Event'];
/** From where to where in a message, in UTF-16 code units. */
export type Match = NonNullable<SearchAnswer['matches']>[number][number];

export type HistogramAnswer = Answered<'getHistogram'>;
export type TopAnswer = Answered<'getTop'>;
export type FieldsAnswer = Answered<'getFields'>;
export type FieldInfo = FieldsAnswer['fields'][number];

export type PatternsAnswer = Answered<'getPatterns'>;
export type Pattern = PatternsAnswer['patterns'][number];
/** A piece of a message, and whether it varies. */
export type Part = Pattern['parts'][number];
export type CompareAnswer = Answered<'getCompare'>;
export type Change = CompareAnswer['changes'][number];

export type ContextAnswer = Answered<'getContext'>;
export type EventAnswer = Answered<'getEventUid'>;
export type Step = EventAnswer['way'][number];
export type NothingAnswer = Answered<'getExplainNothing'>;
export type SpanAnswer = Answered<'getSpan'>;

export type ParseAnswer = Answered<'getParse'>;
export type Token = ParseAnswer['tokens'][number];
export type QueryError = Problem;

export type Saved = Answered<'getSaved'>['saved'][number];
/** A search to be saved. */
export type NewSaved = Schema['Search'];
export type RescueEntry = Omit<Schema['Entry'], 'event'> & { event?: LogEvent };
export type RescueAnswer = Omit<Answered<'getRescue'>, 'entries'> & { entries: RescueEntry[] };
