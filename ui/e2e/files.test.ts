/** Status of a loggr that reads files: a listener that follows one, and a harvest. */
import { describe, test } from 'vitest';
import { address, openTab, says } from './support/tab';

describe('status', () => {
  test('files that are followed, and files that were uploaded', async () => {
    const { page } = await openTab();
    await page.goto(address('status'));
    const followed = page.getByRole('region', { name: 'Files', exact: true });
    await says(followed, /app\s+1\s+\d\s+0 B\s+–\s+0\s+0\s+0/);
    const harvests = page.getByRole('region', { name: 'Harvests', exact: true });
    await says(harvests, /uploads[\s\S]+OK\s+0\s+0\s+1\s+1\s+1\s/);
    await says(harvests, /Last: whole\.log, .+ago: 1 line/);
    await says(harvests, /Failed last: damaged\.gz, .+ago: the file is packed and ends in its middle/);
    await says(
      page.getByRole('region', { name: 'Topology' }),
      /app[\s\S]+1 file[\s\S]+uploads[\s\S]+harvest/,
    );
  });
});
