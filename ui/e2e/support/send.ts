/** Events on their way to loggr: through a real rsyslog, or as another loggr would forward them. */
import { connect } from 'node:net';
import { RSYSLOG_PORT, TCP_PORT } from './server';

export interface Line {
  severity: number;
  host: string;
  app: string;
  message: string;
  facility?: number;
  /** Structured data as RFC 5424 has it. */
  data?: string;
  at?: number;
}

/** A line of RFC 5424. */
export function syslog({ severity, host, app, message, facility = 16, data = '-', at }: Line): string {
  const time = new Date(at ?? Date.now()).toISOString();
  return `<${facility * 8 + severity}>1 ${time} ${host} ${app} 4242 - ${data} ${message}`;
}

async function write(port: number, bytes: Buffer): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port });
  await new Promise<void>((done, failed) => {
    socket.on('error', failed);
    socket.on('close', () => done());
    socket.end(bytes);
    socket.resume();
  });
}

/** Octet counting: a line may hold anything. */
export function throughRsyslog(lines: readonly Line[]): Promise<void> {
  const frames = lines.map(syslog).map((line) => `${Buffer.byteLength(line)} ${line}`);
  return write(RSYSLOG_PORT, Buffer.from(frames.join('')));
}

/** Objects of JSON, one a line; `timegenerated` puts one into the past. */
export function forwarded(events: readonly object[]): Promise<void> {
  return write(TCP_PORT, Buffer.from(events.map((event) => `${JSON.stringify(event)}\n`).join('')));
}

/** Bytes as they are. */
export function raw(line: string): Promise<void> {
  return write(TCP_PORT, Buffer.from(`${line}\n`));
}
