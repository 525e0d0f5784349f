/** The documents of the HTTP API, by hand until its OpenAPI document is there to make them from. */

export interface Problem {
  title?: string;
  status?: number;
  detail?: string;
  hint?: string;
  code?: string;
  parameter?: string;
  column?: number;
  offset?: number;
  length?: number;
  hints?: string[];
  request?: string;
  login?: LoginWays;
}

export interface Origin {
  listener?: string;
  transport?: string;
  peer?: string;
  trusted?: boolean;
  timezone?: string;
  tls_name?: string;
}

export interface LogEvent {
  uid: string;
  timereported: string;
  timegenerated: string;
  severity: string;
  facility: string;
  source: string;
  app_name: string;
  procid?: string;
  msgid?: string;
  programname?: string;
  syslogtag?: string;
  message: string;
  message_cut?: number;
  structured_data?: Record<string, Record<string, string[]>>;
  tags?: string[];
  fields?: Record<string, string[]>;
  origin?: Origin;
  defects?: string[];
  raw?: string;
  hmac?: string;
  timehmac?: string;
}

export interface Stats {
  ms: number;
  matched?: number;
  rows?: number;
  bytes?: number;
  groups?: number;
  groups_read?: number;
}

export interface Answer {
  stats?: Stats;
  partial?: boolean;
  warnings?: string[];
  range?: { from: string | null; to: string | null };
}

export type Match = [number, number];

export interface SearchAnswer extends Answer {
  events: LogEvent[];
  cursor: string | null;
  more: boolean;
  matches?: Match[][];
}

export interface HistogramAnswer extends Answer {
  width_ms: number;
  series: (string | null)[];
  buckets: { start: string; counts: number[] }[];
  total: number;
  without?: boolean;
}

export interface TopAnswer extends Answer {
  field: string;
  values: { value: string; events: number }[];
  distinct: number;
  with_field?: number;
  matched?: number;
}

export interface FieldInfo {
  name: string;
  kind: string;
  core: boolean;
  events: number;
  distinct?: number;
  /** It has more values than that. */
  distinct_more?: boolean;
}

export interface FieldsAnswer extends Answer {
  fields: FieldInfo[];
  matched: number;
}

export type Part = [string, boolean];

/** The event that a shape is shown with. */
export interface Example {
  uid: string;
  timegenerated: string;
  source: string;
  app_name: string;
  message: string;
}

export interface Pattern {
  shape: string;
  events: number;
  first: string;
  last: string;
  severities: Record<string, number>;
  sparkline: number[];
  text: string;
  parts?: Part[];
  example?: Example | null;
}

export interface PatternsAnswer extends Answer {
  patterns: Pattern[];
  distinct: number;
  matched: number;
}

export interface Change {
  kind: 'new' | 'gone' | 'grew' | 'shrank';
  what: 'shape' | 'value';
  field?: string;
  value?: string;
  shape?: string;
  text?: string;
  parts?: Part[];
  example?: Example;
  now: number;
  before: number;
  rate_now?: number;
  rate_before?: number;
  score: number;
}

export interface CompareAnswer extends Answer {
  now: { from: string; to: string; events: number };
  before: { from: string; to: string; events: number };
  changes: Change[];
}

export interface ContextAnswer extends Answer {
  events: LogEvent[];
  anchor: string;
  more_before: boolean;
  more_after: boolean;
  cursor_before?: string | null;
  cursor_after?: string | null;
}

export interface Step {
  step: string;
  at?: string;
  name?: string;
  detail?: string;
  state?: 'done' | 'waiting' | 'rescued' | 'unknown';
}

export interface EventAnswer {
  event: LogEvent;
  way?: Step[];
  shape?: string;
  shape_parts?: Part[];
  raw_text?: string;
  seal?: { state: 'none' | 'sealed' | 'verified' | 'broken'; detail?: string };
}

export interface Token {
  from: number;
  to: number;
  kind: string;
}

export interface QueryError {
  detail: string;
  column?: number;
  offset?: number;
  length?: number;
  hint?: string;
  hints?: string[];
}

export interface ParseAnswer {
  ok: boolean;
  canonical?: string;
  tokens: Token[];
  fields?: string[];
  unknown?: { field: string; suggestion?: string | null; offset?: number }[];
  error?: QueryError;
}

export interface NothingAnswer {
  /** Events in the range, whatever the query. */
  in_range: number;
  newest?: string | null;
  nearest?: { before?: string | null; after?: string | null };
  terms?: { text: string; alone: number; without: number }[];
  unknown?: { field: string; suggestion?: string | null }[];
  hints?: string[];
}

export interface SpanAnswer {
  oldest: string | null;
  newest: string | null;
  events: number;
}

export interface LoginWays {
  form: boolean;
  oidc: string | null;
  /** Why the last log-in through it came to nothing. */
  problem?: string;
  /** There is no user yet. */
  first?: boolean;
}

export type Right = 'search' | 'operate' | 'administer';

export interface Me {
  user: string;
  display?: string;
  role: string;
  filter?: string | null;
  hidden?: string[];
  via: 'session' | 'token' | 'proxy' | 'loopback';
  may: Right[];
  /** A filter or hidden fields keep something from them: what shows all is not for them. */
  restricted?: boolean;
  csrf?: string;
  session_ends?: string;
  version: string;
  /** The server takes files. */
  uploads?: boolean;
  installation?: string;
  stores?: string[];
  limits?: { timeout_seconds?: number; rows?: number; queries?: number; upload_bytes?: number };
  login?: LoginWays;
}

export interface Saved {
  name: string;
  q: string;
  from: string;
  to: string;
  cols?: string[];
  view?: 'explore' | 'patterns';
  shared?: boolean;
  start?: boolean;
  owner?: string;
  mine?: boolean;
}

export interface RescueEntry {
  sink: string;
  id: string;
  reason: string;
  attempts: number;
  time: string;
  events: number;
  event?: LogEvent;
}

export interface RescueAnswer {
  entries: RescueEntry[];
  by_reason: { sink: string; reason: string; entries: number; events: number }[];
  cursor?: string | null;
}

export interface User {
  name: string;
  display?: string;
  role: string;
  filter?: string | null;
  hidden?: string[];
  disabled?: boolean;
  created?: string;
  /** On how many browsers they are logged in. */
  sessions?: number;
}

export interface ApiToken {
  id: string;
  name: string;
  role: string;
  created?: string;
  expires?: string | null;
  used?: string | null;
  owner?: string | null;
  over?: boolean;
}

export interface Role {
  name: string;
  level: 'viewer' | 'operator' | 'admin';
  filter?: string | null;
  hidden?: string[];
  built_in?: boolean;
}

/* The status of an installation, as `loggr status --json` prints it. */

interface Owned {
  process?: string | null;
  host?: string | null;
}

export interface ClientStatus {
  peer: string;
  seconds: number;
  tls?: boolean;
  tls_name?: string | null;
  events?: number;
  last_seen?: number | null;
}

export interface ListenerStatus extends Owned {
  name: string;
  protocol: string;
  address: string;
  received: number;
  accepted: number;
  lost: number;
  connections: number;
  kernel_drops: number;
  refused: number;
  stalled: boolean;
  ended?: string | null;
  trouble?: string | null;
  /** How long events take until they are acknowledged: half of them, and 99 of 100. */
  ack_p50_ms?: number | null;
  ack_p99_ms?: number | null;
  senders?: { name: string; last_seen: number }[];
  clients?: ClientStatus[];
}

export interface ExchangeStatus extends Owned {
  name: string;
  published: number;
  disk_bytes: number;
  max_bytes: number;
  segments: number;
  commits: number;
  damaged: number;
  trouble?: string | null;
}

export interface QueueStatus extends Owned {
  name: string;
  exchange: string;
  configured: boolean;
  stored: number;
  rescued: number;
  dropped: number;
  leased: number;
  redelivered: number;
  received?: number;
  waiting?: number;
  damaged?: number;
  waiting_bytes?: number;
  oldest_seconds?: number | null;
  balanced?: boolean;
  trouble?: string | null;
  ready_messages?: number;
  consumers?: number;
}

export interface RuleStatus {
  line: number;
  rule: string;
  reached: number;
  did: number;
  failed: number;
  mean_nanos?: number | null;
}

export interface MachineStatus extends Owned {
  name: string;
  queue: string;
  destination: string;
  filter?: string | null;
  filter_error?: string | null;
  received: number;
  stored: number;
  dropped: number;
  failing: boolean;
  ended?: string | null;
  rules?: RuleStatus[];
}

export interface ShipStatus extends Owned {
  name: string;
  kind: string;
  queue: string;
  stored: number;
  rescued: number;
  failures: number;
  ack_p50_ms?: number | null;
  ack_p99_ms?: number | null;
  failing: boolean;
  last_error?: string | null;
  ended?: string | null;
}

export interface StoreStatus extends Owned {
  name: string;
  kind: string;
  events?: number;
  bytes?: number;
  days?: number;
  oldest?: string | null;
  newest?: string | null;
  damaged?: number;
  trouble?: string | null;
}

export interface DiskStatus extends Owned {
  name: string;
  free_bytes: number;
  size_bytes: number;
}

export interface ProcessStatus {
  id: string;
  host?: string | null;
  pid?: number | null;
  component?: string | null;
  name?: string | null;
  version?: string | null;
  uptime_seconds?: number | null;
  state: 'running' | 'late' | 'lost';
  seen_seconds: number;
}

export interface BrokerStatus extends Owned {
  name: string;
  up: boolean;
  broker?: string | null;
  trouble?: string | null;
  spooling: boolean;
  spool_waiting: number;
}

export interface Totals {
  ready_messages?: number;
  in_hand?: number;
  received: number;
  stored: number;
  waiting: number;
  rescued: number;
  dropped: number;
  damaged: number;
  balanced: boolean;
}

export interface Installation {
  running: boolean;
  version?: string | null;
  uptime_seconds?: number | null;
  processes: ProcessStatus[];
  totals: Totals;
  listeners: ListenerStatus[];
  exchanges: ExchangeStatus[];
  queues: QueueStatus[];
  brokers: BrokerStatus[];
  disks: DiskStatus[];
  machines: MachineStatus[];
  ships: ShipStatus[];
  stores: StoreStatus[];
  rescue: Record<string, number>;
  problem?: string | null;
  rescue_trouble?: string | null;
}
