/** Once before all files: the server is given its events, unless it has them, and says what time they have. */
import type { TestProject } from 'vitest/node';
import { sendAll } from './events';
import { sendHostile } from './hostile';
import { asker, stored } from './server';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The range in which all events lie, its end not included. */
    fed: { from: string; to: string };
  }
}

export default async function setup(project: TestProject): Promise<void> {
  const who = await asker();
  if ((await who.count('')) === 0) {
    const sent = await sendAll();
    const hostile = process.env.LOGGR_PAGE_HOSTILE ? await sendHostile() : 0;
    await stored('', sent + hostile, who);
  }
  const { oldest } = await who.get<{ oldest: string }>('span');
  const from = new Date(Math.floor(Date.parse(oldest))).toISOString();
  project.provide('fed', { from, to: new Date(Date.now() + 1).toISOString() });
}
