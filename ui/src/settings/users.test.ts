import { expect, test } from 'vitest';
import type { Role, User } from '../api-types';
import { seen } from './users';

const ROLES: Role[] = [
  { name: 'web', level: 'viewer', filter: 'app:nginx', hidden: ['user', 'ip'] },
  { name: 'all', level: 'viewer' },
];

function check(user: Partial<User>, filter: string, hidden: string[]): void {
  expect(seen({ name: 'anna', role: 'web', ...user }, ROLES)).toEqual({ filter, hidden });
}

test('what a user sees is narrowed by their role, too', () => {
  check({}, 'app:nginx', ['user', 'ip']);
  check({ filter: 'host:a OR host:b', hidden: ['ip', 'key'] }, '(host:a OR host:b) (app:nginx)', [
    'ip',
    'key',
    'user',
  ]);
  check({ role: 'all' }, '', []);
  check({ role: 'all', filter: 'host:a' }, 'host:a', []);
  check({ role: 'gone', hidden: ['x'] }, '', ['x']);
});
