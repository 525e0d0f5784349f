import { expect, test } from 'vitest';
import { commandFor } from './first';

const check = (protocol: string, address: string) => commandFor({ protocol, address }, 'log.example');

test('a listener on all addresses', () =>
  expect(check('udp', '0.0.0.0:514')).toBe('logger --server log.example --port 514 --udp "first line"'));
test('a listener on one address', () =>
  expect(check('tcp', '127.0.0.1:6514')).toBe('logger --server 127.0.0.1 --port 6514 --tcp "first line"'));
test('several addresses', () =>
  expect(check('udp', '10.0.0.1:514, [::1]:514')).toBe(
    'logger --server 10.0.0.1 --port 514 --udp "first line"',
  ));
test('IPv6', () =>
  expect(check('relp', '[::1]:2514')).toBe('loggr send --to relp://[::1]:2514 --message "first line"'));
test('all of IPv6', () =>
  expect(check('relp', '[::]:2514')).toBe('loggr send --to relp://log.example:2514 --message "first line"'));
test('a socket', () => expect(check('unix-dgram', '/dev/log')).toBe('logger --socket /dev/log "first line"'));
test('TLS needs more than a line', () => expect(check('tls', '0.0.0.0:6514')).toBe(''));
