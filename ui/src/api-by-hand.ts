/**
 * Answers that the OpenAPI document does not describe yet, by hand: who is there and who may
 * (`web/door`), and the status of an installation, as `loggr status --json` prints it.
 */

export interface LoginWays {
  form: boolean;
  oidc?: string | null;
  /** Why the last log-in through it came to nothing. */
  problem?: string | null;
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
  trouble?: string | null;
}

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
  files?: FilesStatus | null;
}

/** The files that a listener reads. */
export interface FilesStatus {
  watched: number;
  open: number;
  bytes_behind: number;
  oldest_seconds: number;
  truncated: number;
  gaps: number;
  gap_bytes: number;
  /** What is wrong with single files. */
  troubles: readonly string[];
}

/** A directory into which files are uploaded, since its process started. */
export interface HarvestStatus extends Owned {
  name: string;
  directory: string;
  waiting: number;
  temporary: number;
  in_hand: number;
  done: number;
  /** Taken before, they gave no events. */
  again: number;
  failed: number;
  accepted: number;
  bytes: number;
  last?: HarvestedFile | null;
  last_failed?: HarvestedFile | null;
  ack_p50_ms?: number | null;
  ack_p99_ms?: number | null;
  stalled: boolean;
  ended?: string | null;
  trouble?: string | null;
}

export interface HarvestedFile {
  path: string;
  at: string;
  /** How many lines it had, or why it failed. */
  what: string;
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
  /** Events that its `if` does not choose. */
  dropped?: number;
  failures: number;
  ack_p50_ms?: number | null;
  ack_p99_ms?: number | null;
  failing: boolean;
  last_error?: string | null;
  ended?: string | null;
  forward?: { targets: TargetStatus[] } | null;
}

/** A server to which events are handed on. */
export interface TargetStatus {
  address: string;
  /** `in use`, `waiting`, `failing` or `unused`. */
  state: string;
  since?: string | null;
  sent: number;
  refused: number;
  unacknowledged: number;
  tls?: string | null;
  certificate_days_left?: number | null;
  /** `zstd`, or why not; none where nobody asks for it. */
  compression?: string | null;
  sent_bytes: number;
  plain_bytes: number;
  trouble?: string | null;
}

export interface CertificateStatus extends Owned {
  place: string;
  name: string;
  ends: string;
  days_left: number;
  trouble?: string | null;
}

/** What a listener, machine or shipper has found of seals since its process started. */
export interface SealStatus extends Owned {
  /** `listener`, `machine` or `ship`. */
  kind: string;
  name: string;
  signed: number;
  good: number;
  broken: number;
  unsealed: number;
  /** They went to the rescue, because a good seal is required. */
  refused: number;
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
  /** As whom it runs and what it can reach, in a sentence. */
  privileges?: string | null;
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
  /** Events published to the exchanges, each once in each of them. */
  events?: number;
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
  harvests?: HarvestStatus[];
  certificates?: CertificateStatus[];
  exchanges: ExchangeStatus[];
  queues: QueueStatus[];
  brokers: BrokerStatus[];
  disks: DiskStatus[];
  machines: MachineStatus[];
  ships: ShipStatus[];
  seals?: SealStatus[];
  stores: StoreStatus[];
  rescue: Record<string, number>;
  /** What is wrong, in sentences. */
  troubles: readonly string[];
}
