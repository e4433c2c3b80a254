import { fileURLToPath } from 'node:url'
import { configDefaults, defineConfig } from 'vitest/config'

const source = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** What takes long: `npm test` leaves it out, `npm run test:long` runs it alone, and `npm run test:all` runs everything. */
const LONG = ['test/crash/**/*.test.ts', 'test/bench/**/*.test.ts', 'test/examples/**/*.test.ts']

// Tests run the sources; what npm ships (dist) is tried by the examples and the package check.
export default defineConfig(({ mode }) => ({
  resolve: {
    alias: [
      { find: /^stridedb$/, replacement: source('./src/index.ts') },
      { find: /^stridedb\/mmap$/, replacement: source('./src/mmap/index.ts') },
      { find: /^stridedb\/schema$/, replacement: source('./src/schema/entry.ts') },
    ],
  },
  test: {
    include: mode === 'long' ? LONG : ['test/**/*.test.ts'],
    exclude: [...configDefaults.exclude, ...(mode === 'test' ? LONG : [])],
    pool: 'forks',
    // Bounds on what hangs, not on how fast the machine is.
    testTimeout: 900_000,
    hookTimeout: 900_000,
    maxWorkers: '100%',
  },
}))
