// Bundles each entry of the package, with what they share in chunks: a hundred small modules cost Node 30 ms to load,
// a handful costs 5 (docs/performance.md, "import"). Not minified, so that stack traces can be read.

import { build } from 'esbuild'

await build({
  entryPoints: {
    index: 'src/index.ts',
    'mmap/index': 'src/mmap/index.ts',
    'schema/index': 'src/schema/index.ts',
    'cli/main': 'src/cli/main.ts',
  },
  outdir: 'dist',
  bundle: true,
  splitting: true,
  chunkNames: 'chunks/[name]-[hash]',
  format: 'esm',
  platform: 'node',
  packages: 'external',
  target: 'node20.19',
  charset: 'utf8',
  logLevel: 'warning',
})
