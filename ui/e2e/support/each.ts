/** Around each file and each test: one browser, and no tab that has complained. */
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { closeTabs, launch, quit } from './tab';

beforeAll(launch);
afterAll(quit);

afterEach(async ({ task }) => {
  const shots = process.env.LOGGR_SHOTS;
  const name = task.name.replace(/\W+/g, '-').slice(0, 60);
  const complaints = await closeTabs(shots && task.result?.state === 'fail' ? `${shots}/${name}` : '');
  expect(complaints).toEqual([]);
});
