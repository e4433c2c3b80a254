// Bundles each entry of the package, with what they share in chunks: a hundred small modules cost Node 30 ms to load,
// a handful costs 5 (docs/performance.md, "import"). Then shortens the names of variables inside functions, and nothing
// else: functions, classes and members keep theirs, and lines end where statements do, so that stack traces can be read.

import { readFileSync, writeFileSync } from 'node:fs'
import { build } from 'esbuild'
import { minify } from 'terser'

// Their names are those of the variables that they are given to.
const ARROW_FUNCTION = /\b(?:const|let|var) (\w+) = (?:async )?(?:\([^()]*\)|\w+) =>/g
// terser shortens private names whatever it is told, so it is shown ordinary ones in their place.
const PRIVATE_NAME = /(?<=[\s.(!*])#(?=[a-z]\w*)/gi
const ORDINARY = '$private$'

const { metafile } = await build({
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
  metafile: true,
})

const owners = new Map()
for (const [path, { inputs }] of Object.entries(metafile.outputs)) {
  for (const [input, { bytesInOutput }] of Object.entries(inputs)) {
    if (bytesInOutput > 0 && owners.has(input))
      throw new Error(`${input} is in ${owners.get(input)} and in ${path}`)
    if (bytesInOutput > 0) owners.set(input, path)
  }
  const bundled = readFileSync(path, 'utf8')
  const { code } = await minify(
    bundled.replaceAll(PRIVATE_NAME, () => ORDINARY),
    {
      ecma: 2020,
      // What the code does stays as it was written: the benches were run on it.
      compress: false,
      mangle: {
        keep_fnames: true,
        keep_classnames: true,
        reserved: Array.from(bundled.matchAll(ARROW_FUNCTION), ([, name]) => name),
      },
      format: { semicolons: false, shebang: true },
    },
  )
  writeFileSync(path, `${code.replaceAll(ORDINARY, '#')}\n`)
}
