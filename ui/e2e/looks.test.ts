/** Every view, light and dark, wide and narrow: what axe-core finds, and no scrolling to the side. */
import { readFileSync } from 'node:fs';
import type { AxeResults } from 'axe-core';
import { describe, expect, test } from 'vitest';
import { openTab } from './support/tab';
import { show, VIEWS } from './support/views';

const axe = readFileSync(new URL('../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const GRAVE = ['serious', 'critical'];
/** Of a phone. */
const NARROW = 420;

describe('no serious finding of axe-core in light and dark, at 1440 and 420 px, no scrolling to the side', () => {
  for (const view of VIEWS) {
    test(view.name, async () => {
      const { page } = await openTab();
      await show(page, view);
      await page.evaluate(axe);
      const found: string[] = [];
      for (const width of [1440, NARROW]) {
        await page.setViewportSize({ width, height: 900 });
        await page.waitForFunction(
          (narrow) => matchMedia('(max-width: 760px)').matches === narrow,
          width === NARROW,
        );
        const { scroll } = await page.evaluate(() => ({ scroll: document.documentElement.scrollWidth }));
        if (scroll > width) found.push(`${width}: scrolls to ${scroll}`);
        for (const colorScheme of ['light', 'dark'] as const) {
          await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
          const result = await page.evaluate((rules) => {
            const { axe } = globalThis as unknown as { axe: { run(o: object): Promise<AxeResults> } };
            return axe.run({ runOnly: rules, resultTypes: ['violations'] });
          }, RULES);
          for (const v of result.violations.filter((v) => GRAVE.includes(v.impact ?? ''))) {
            const [first] = v.nodes;
            const where = `${v.nodes.length} × ${first?.target.join(' ')}`;
            found.push(
              `${width} ${colorScheme}: ${v.id}: ${where}: ${first?.failureSummary?.replace(/\s+/g, ' ')}`,
            );
          }
        }
      }
      expect(found).toEqual([]);
    });
  }
});
