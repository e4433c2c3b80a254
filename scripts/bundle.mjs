// Bundles each entry of the package, with what they share in chunks: a hundred small modules cost Node 30 ms to load,
// a handful costs 5 (docs/performance.md, "import"). Names and lines stay as they are, so that the stack of an error names
// functions and an uncaught error shows one line. Comments go: the types carry the docstrings. Source maps are left out: they would
// name files that the package does not hold.

import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { build, transform } from 'esbuild'

const LIBRARY = {
  index: 'src/index.ts',
  'mmap/index': 'src/mmap/index.ts',
  'schema/index': 'src/schema/entry.ts',
  'duckdb/index': 'src/duckdb/index.ts',
  'transfer/index': 'src/transfer/index.ts',
}
const { metafile } = await build({
  entryPoints: { ...LIBRARY, 'cli/main': 'src/cli/main.ts' },
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
})

const owners = new Map()
for (const [path, { inputs }] of Object.entries(metafile.outputs)) {
  if (!path.endsWith('.js')) continue
  for (const [input, { bytesInOutput }] of Object.entries(inputs)) {
    if (bytesInOutput > 0 && owners.has(input))
      throw new Error(`${input} is in ${owners.get(input)} and in ${path}`)
    if (bytesInOutput > 0) owners.set(input, path)
  }
}

// A class that names itself is bundled as `var Name = class _Name`, and its errors would show as `_Name`.
for (const path of Object.keys(metafile.outputs).filter(output => output.endsWith('.js'))) {
  const code = await withoutComments(readFileSync(path, 'utf8'))
  const names = Array.from(code.matchAll(/^var (\w+) = class _\1\b/gm), ([, name]) => name)
  writeFileSync(
    path,
    names.reduce((text, name) => text.replaceAll(new RegExp(`\\b_${name}\\b`, 'g'), name), code),
  )
}

// For who cannot load ES modules: src/commonjs/load.cjs.
mkdirSync('dist/commonjs', { recursive: true })
copyFileSync('src/commonjs/load.cjs', 'dist/commonjs/load.cjs')
for (const entry of Object.keys(LIBRARY)) {
  const path = `dist/commonjs/${entry.replace('/index', '')}.cjs`
  writeFileSync(path, `'use strict'\n\nmodule.exports = require('./load.cjs')('${entry}.js')\n`)
}

/** Printed without white space the code loses its comments, and printed once more it has its lines again. */
async function withoutComments(code) {
  const options = { format: 'esm', target: 'node20.19', charset: 'utf8' }
  const dense = await transform(code, { ...options, minifyWhitespace: true })
  return (await transform(dense.code, options)).code
}
