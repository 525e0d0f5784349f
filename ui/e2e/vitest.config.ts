/** The tests in a browser: on a real loggr, which `crates/loggr/tests/it/page` starts. Not the unit tests. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['e2e/*.test.ts'],
    globalSetup: ['e2e/support/setup.ts'],
    setupFiles: ['e2e/support/each.ts'],
    environment: 'node',
    // One server and its events are shared: what one file does is not to be seen by another.
    fileParallelism: false,
    // Reading the driver of the browser once is enough.
    isolate: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 30_000, interval: 40 } },
    reporters: ['verbose'],
  },
});
