// Bundles each entry of the package, with what they share in chunks: a hundred small modules cost Node 30 ms to load,
// a handful costs 5 (docs/performance.md, "import"). Then makes it small: names are shortened but those of classes, and
// statements are rewritten where that moves no code into other functions, since the benches were run on those. The maps beside
// it say where a line of a stack trace stands in src/ (node --enable-source-maps).

import { readFileSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { build } from 'esbuild'
import { minify } from 'terser'

// No inlining, no hoisting: which function does what stays as it was written.
const COMPRESS = {
  defaults: false,
  booleans: true,
  arrows: true,
  directives: true,
  side_effects: true,
  switches: true,
  unused: true,
  collapse_vars: true,
  reduce_vars: true,
  comparisons: true,
  conditionals: true,
  dead_code: true,
  evaluate: true,
  if_return: true,
  join_vars: true,
  properties: true,
  sequences: true,
}

const { metafile } = await build({
  entryPoints: {
    index: 'src/index.ts',
    'mmap/index': 'src/mmap/index.ts',
    'schema/index': 'src/schema/entry.ts',
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
  metafile: true,
  sourcemap: 'linked',
  sourcesContent: false,
})

const owners = new Map()
for (const [path, { inputs }] of Object.entries(metafile.outputs)) {
  if (!path.endsWith('.js')) continue
  for (const [input, { bytesInOutput }] of Object.entries(inputs)) {
    if (bytesInOutput > 0 && owners.has(input))
      throw new Error(`${input} is in ${owners.get(input)} and in ${path}`)
    if (bytesInOutput > 0) owners.set(input, path)
  }
  const bundled = readFileSync(path, 'utf8')
  const { code, map } = await minify(bundled, {
    ecma: 2020,
    module: true,
    compress: COMPRESS,
    mangle: { keep_classnames: true },
    format: { shebang: true },
    sourceMap: { content: readFileSync(`${path}.map`, 'utf8'), url: `${basename(path)}.map` },
  })
  writeFileSync(path, `${code}\n`)
  writeFileSync(`${path}.map`, map)
}
