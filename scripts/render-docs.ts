/**
 * Renders docs/errors.md and docs/format.md from the tables in the code. `npm run docs` writes them; a test
 * compares.
 */

import { writeFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import {
  FORMAT_VERSION,
  IDENTITY,
  IDENTITY_OFFSET,
  LAYOUT_OFFSET,
  PAGE_BYTES,
  ROOT,
  ROOT_OFFSETS,
  SHARED_OFFSET,
  SHARED_WORDS,
} from '../src/engine/format.ts'
import type { StructField } from '../src/engine/struct.ts'
import { ERROR_CODES } from '../src/errors.ts'

/** Every page that is rendered, by its path from the repository's top. */
export function renderedDocs(): Readonly<Record<string, string>> {
  return { 'docs/errors.md': errorsPage(), 'docs/format.md': formatPage() }
}

function errorsPage(): string {
  const entries = Object.entries(ERROR_CODES).map(
    ([code, { meaning, remedy }]) => `## ${code}\n\n${meaning}\n\nWhat to do: ${remedy}\n`,
  )
  return `# Errors

Rendered from src/errors.ts by \`npm run docs\`.

Operational failures are a \`StrideError\` with one of these codes and the facts it knows: \`path\`, \`offset\`,
\`recordNumber\`, \`batchIndex\`, \`field\`, \`issues\`, \`syscall\`, \`errno\`. Misuse (a fractional record number, a misspelt
option, an unknown field) is a plain TypeError or RangeError. An InvariantError is a bug of this library.

${entries.join('\n')}`
}

function formatPage(): string {
  return `# The file format, version ${FORMAT_VERSION}

Rendered from src/engine/format.ts by \`npm run docs\`. Numbers are little-endian.

| offset | what |
|---|---|
| ${IDENTITY_OFFSET} | identity: written once, one page |
| ${ROOT_OFFSETS.join(', ')} | roots: two alternating copies on pages of their own |
| ${SHARED_OFFSET} | shared words, one page; their values mean nothing at rest |
| ${LAYOUT_OFFSET} | the canonical layout: JSON text, padded to whole pages |
| \`dataOffset\` | records, \`recordSize\` bytes each, nothing between them |
| \`liveBitsOffset\` | live bits, behind the capacity; only once something was deleted |

A page has ${PAGE_BYTES} bytes. Record n lies at \`dataOffset + n * recordSize\`. Bytes of the array at and beyond \`size\` mean
nothing. Record n is deleted if bit \`n % 8\` (from the lowest) of byte \`floor(n / 8)\` of the live bits is set.

## Identity

${structTable(IDENTITY)}
## Root

The intact copy with the higher root number counts; root number r is written to page ${ROOT_OFFSETS[0] / PAGE_BYTES} where r is even, to
page ${ROOT_OFFSETS[1] / PAGE_BYTES} where it is odd.

${structTable(ROOT)}
## Shared words

| word (32 bits) | name |
|---|---|
${Object.entries(SHARED_WORDS)
  .map(([name, index]) => `| ${index} | ${name} |`)
  .join('\n')}

## Files beside the store

| name | what |
|---|---|
| \`x.stride-lock\` | the locks of the operating system: byte 0 the writer's, byte 1 on network file systems; no content |
| \`x.stride-new-…\` | a file being written by creation, compact, backup or migrate; may be deleted when no process has it open |
`
}

function structTable(struct: { readonly size: number; readonly fields: readonly StructField[] }): string {
  const rows = struct.fields.map(({ name, type, offset, size, meaning }) => {
    const kind = type === 'bytes' ? `${size} bytes` : type
    return `| ${offset} | ${kind} | ${name} | ${meaning} |`
  })
  const checksum = `| ${struct.size - 4} | u32 | checksum | CRC-32 of the ${struct.size - 4} bytes before it |`
  return `| offset | type | name | meaning |\n|---|---|---|---|\n${rows.join('\n')}\n${checksum}\n`
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const [path, text] of Object.entries(renderedDocs())) {
    writeFileSync(fileURLToPath(new URL(`../${path}`, import.meta.url)), text)
  }
}
