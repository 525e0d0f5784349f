/** What was wrong with the line of an event, in a sentence for each word that the server has for it. */
import { bytes } from '../format';

const DEFECT: Record<string, string> = {
  unparsed: 'it has no known format: the whole line is the message',
  no_priority: 'it has no priority: user.notice stands in',
  no_timestamp: 'it has no time: that of its reception stands in',
  no_source: 'it names no host: the address of the sender stands in',
  not_utf8: 'it has bytes that are not UTF-8; under Raw is the line as it came',
  truncated: 'it was longer than the listener takes: its end is missing',
  bad_structured_data: 'its structured data cannot be read, and is part of the message',
  bad_hmac: 'its seal is broken',
  incomplete: 'the connection ended in the middle of it',
  timestamp_cut: 'its time was finer than a microsecond, and was cut',
  unknown_zone: 'its time zone is not known: that of the listener stands in',
  bad_header: 'its head is nearly that of RFC 5424: what could be read was taken',
  unknown_version: 'it has a version of syslog that nobody has defined',
  bad_timegenerated: 'it brings a time of reception that cannot be: that of its reception here stands in',
};

/** Empty for a word of a newer loggr. */
export function defectOf(word: string, original?: number | null): string {
  const text = Object.hasOwn(DEFECT, word) ? (DEFECT[word] ?? '') : '';
  return word === 'truncated' && original ? `${text} (it had ${bytes(original)})` : text;
}
