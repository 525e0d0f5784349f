import { expect, test } from 'vitest';
import { missing } from './reveal';

const frame = { top: 100, bottom: 700 };
const check = (row: number, height: number) =>
  missing(frame, { top: row + 24, bottom: row + 24 + height }, { top: row, bottom: row + 24 }, 27);

test('what is seen whole stays', () => expect(check(200, 400)).toBe(0));
test('what reaches below the edge comes up', () => expect(check(600, 300)).toBe(224));
test('the row does not leave', () => expect(check(300, 2000)).toBe(173));
test('a row under the header stays', () => expect(check(110, 2000)).toBe(0));
