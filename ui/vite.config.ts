import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

/** Where `npm run dev` sends API calls: the running proxy. */
const proxyOrigin = process.env.OUTLAY_ORIGIN ?? 'http://127.0.0.1:4780';

export default defineConfig({
  // Relative URLs: the same files serve the browser and the desktop window's own scheme.
  base: './',
  plugins: [
    svelte(),
    {
      // Everything is same-origin; a custom scheme need not answer CORS for it.
      name: 'same-origin-assets',
      enforce: 'post',
      transformIndexHtml: (html: string) => html.replaceAll(' crossorigin', ''),
    },
  ],
  build: {
    target: 'es2022',
    // Both themes come from light-dark().
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    // The content security policy allows no data: URLs.
    assetsInlineLimit: 0,
    modulePreload: false,
  },
  server: {
    // The app's icon is beside what else is drawn of it.
    fs: { allow: ['.', '../src-tauri/icons/source'] },
    proxy: {
      // The API refuses foreign origins; the development server is one.
      '/api': { target: proxyOrigin, changeOrigin: true, headers: { origin: proxyOrigin } },
    },
  },
  // Under test Svelte must resolve to its client build.
  ...(process.env.VITEST ? { resolve: { conditions: ['browser'] } } : {}),
  test: {
    environment: 'happy-dom',
    include: ['src/**/*.test.ts'],
    env: { TZ: 'UTC' },
    // On a machine that builds meanwhile a page is slow to mount for the first time.
    testTimeout: 20_000,
  },
});
