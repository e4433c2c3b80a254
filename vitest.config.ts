import { fileURLToPath } from 'node:url'
import { configDefaults, defineConfig } from 'vitest/config'
import { PROPERTY_FILES } from './test/property-files.ts'

const source = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** What takes long: `npm test` leaves it out, `npm run test:long` runs it alone, and `npm run test:all` runs everything. */
const LONG = [
  'test/crash/**/*.test.ts',
  'test/bench/large.test.ts',
  'test/bench/smoke.test.ts',
  'test/examples/**/*.test.ts',
  'test/package/bundlers.test.ts',
]

// Tests run the sources; what npm ships (dist) is tried by the examples and the package check.
export default defineConfig(({ mode }) => ({
  resolve: {
    alias: [
      { find: /^stridedb$/, replacement: source('./src/index.ts') },
      { find: /^stridedb\/mmap$/, replacement: source('./src/mmap/index.ts') },
      { find: /^stridedb\/schema$/, replacement: source('./src/schema/entry.ts') },
      { find: /^stridedb\/duckdb$/, replacement: source('./src/duckdb/index.ts') },
      { find: /^stridedb\/transfer$/, replacement: source('./src/transfer/index.ts') },
    ],
  },
  test: {
    include: mode === 'long' ? [...LONG, ...Object.keys(PROPERTY_FILES)] : ['test/**/*.test.ts'],
    exclude: [...configDefaults.exclude, ...(mode === 'test' ? LONG : [])],
    // Property tests try a third of their runs; the long tests try all.
    env: mode === 'test' ? { STRIDEDB_SHORT: '1' } : {},
    pool: 'forks',
    // Bounds on what hangs, not on how fast the machine is.
    testTimeout: 900_000,
    hookTimeout: 900_000,
    maxWorkers: '100%',
  },
}))
