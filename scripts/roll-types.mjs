// Rolls the declarations that tsc wrote up into one file an entry and one that they share. What no entry reaches stays out.
// They share classes, so that a StrideError of one entry is one of the others too.

import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rolldown } from 'rolldown'
import { dts } from 'rolldown-plugin-dts'

// Where tsconfig.build.json has tsc write them.
const declarations = 'dist/.declarations'

// What a file says of itself, above its imports or the comment of its first declaration, is for who reads the sources.
const HEADER = /^\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n(?=import |export \*|export \{|\/\*\*)/
for (const name of readdirSync(declarations, { recursive: true })) {
  const path = join(declarations, name)
  if (path.endsWith('.d.ts')) writeFileSync(path, readFileSync(path, 'utf8').replace(HEADER, ''))
}

const bundle = await rolldown({
  input: {
    index: `${declarations}/index.d.ts`,
    'mmap/index': `${declarations}/mmap/index.d.ts`,
    'schema/index': `${declarations}/schema/entry.d.ts`,
    'duckdb/index': `${declarations}/duckdb/index.d.ts`,
    'transfer/index': `${declarations}/transfer/index.d.ts`,
  },
  external: [/^node:/, 'zod'],
  plugins: [dts({ dtsInput: true, tsconfig: false })],
  experimental: { attachDebugInfo: 'none' },
})
const { output } = await bundle.write({
  dir: 'dist',
  entryFileNames: '[name].d.ts',
  chunkFileNames: 'chunks/types.d.ts',
  minifyInternalExports: false,
  advancedChunks: { groups: [{ name: 'types', minShareCount: 2 }] },
})
await bundle.close()
// The comments above the members of a type literal are printed behind the member before, where no editor finds them.
for (const { fileName } of output) {
  const path = join('dist', fileName)
  const text = readFileSync(path, 'utf8')
    .replace(/^( *)(\S.*[;{]) (\/\*\*.*\*\/)$/gm, '$1$2\n$1$3')
    .replace(/^( *)(\/\*\*(?:(?!\*\/).)*\*\/)(\S.*)$/gm, '$1$2\n$1$3')
  writeFileSync(path, text)
}
rmSync(declarations, { recursive: true })
for (const file of output) console.log(file.fileName)
