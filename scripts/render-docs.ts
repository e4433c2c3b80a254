/**
 * Renders docs/errors.md, docs/format.md and docs/options.md from the tables in the code. `npm run docs` writes them; a test
 * compares.
 */

import { writeFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { ERROR_CODES } from '../src/errors.ts'
import { formatPage } from './render-format.ts'
import { optionsPage } from './render-options.ts'

/** Every page that is rendered, by its path from the repository's top. */
export function renderedDocs(): Readonly<Record<string, string>> {
  return { 'docs/errors.md': errorsPage(), 'docs/format.md': formatPage(), 'docs/options.md': optionsPage() }
}

function errorsPage(): string {
  const entries = Object.entries(ERROR_CODES).map(
    ([code, { meaning, remedy }]) => `## ${code}\n\n${meaning}\n\nWhat to do: ${remedy}\n`,
  )
  return `# Errors

Rendered from src/errors.ts by \`npm run docs\`.

Operational failures are a \`StrideError\` with one of these codes and the facts it knows: \`path\`, \`offset\`,
\`recordNumber\`, \`batchIndex\`, \`field\`, \`issues\`, \`syscall\`, \`errno\`. Misuse (a fractional record number, a misspelt
option, an unknown field) is a plain TypeError or RangeError. An InvariantError is a bug of this library. \`instanceof StrideError\`
holds for errors of another copy of the library in the process, too; an error that was cloned, as by \`postMessage\`, has lost both
class and code.

${entries.join('\n')}`
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const [path, text] of Object.entries(renderedDocs())) {
    writeFileSync(fileURLToPath(new URL(`../${path}`, import.meta.url)), text)
  }
}
