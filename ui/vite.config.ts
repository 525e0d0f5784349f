/// <reference types="vitest/config" />
import { defineConfig } from 'vite';

/** Where the development server finds a loggr that answers `/api`. */
const server = process.env.LOGGR_URL ?? 'http://127.0.0.1:8080';

export default defineConfig({
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    target: ['chrome123', 'firefox121', 'safari17.5'],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    reportCompressedSize: false,
  },
  server: { host: '127.0.0.1', proxy: { '/api': { target: server, changeOrigin: true } } },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
});
