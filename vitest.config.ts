import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const source = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

// Tests run the sources; what npm ships (dist) is tried by the examples and the package check.
export default defineConfig({
  resolve: {
    alias: [
      { find: /^stridedb$/, replacement: source('./src/index.ts') },
      { find: /^stridedb\/mmap$/, replacement: source('./src/mmap/index.ts') },
      { find: /^stridedb\/schema$/, replacement: source('./src/schema/entry.ts') },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    testTimeout: 240_000,
    hookTimeout: 240_000,
    maxWorkers: '100%',
  },
})
