/**
 * The process of mixed-kills.ts: operations drawn from the table, until it is killed. `node mixed-child.mjs PATH SEED FIRST ROLE`;
 * a line of JSON says each change before it is committed, and when it was acknowledged.
 */

import { writeSync } from 'node:fs'
import type { Change } from './accounts.ts'
import { Desk } from './desk.ts'
import { repeated } from './matrix.ts'
import { OPERATION_NAMES, OPERATIONS, refusalsBeside, refusalsElsewhere } from './operations.ts'
import { seededRandom } from './random.ts'

export type MixedLine =
  | { readonly sent: Change }
  | { readonly acknowledged: number }
  | { readonly failure: string }

const [path = '', seed, first, role] = process.argv.slice(2)
const random = seededRandom(Number(seed))
const desk = new Desk(path, random, Number(first), {
  sent: sent => say({ sent }),
  acknowledged: ({ added }) => say({ acknowledged: added }),
})
// Those that stay beside a writer of another process; backups of a killed process would stay there.
const names = OPERATION_NAMES.filter(
  name =>
    OPERATIONS[name].needsWriter === (role === 'writer') &&
    !name.startsWith('backup') &&
    name !== 'migrateStore' &&
    name !== 'a second writer',
)

function say(line: MixedLine): void {
  const bytes = Buffer.from(`${JSON.stringify(line)}\n`)
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(1, bytes, at)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
    }
  }
}

try {
  for (;;) {
    if (role === 'writer') await desk.openWriter()
    const [one, two] = [random.pick(names), random.pick(names)]
    // A reader may meet any operation of the writer.
    const allowed = (name: typeof one, other: typeof one) =>
      role === 'writer'
        ? // A reader may keep a snapshot at any time.
          new Set([...refusalsBeside(name, other), ...refusalsElsewhere(name, 'a kept snapshot')])
        : refusalsElsewhere(name, 'compact')
    const ends = await Promise.allSettled([
      repeated(desk, one, 1, allowed(one, two), {}),
      repeated(desk, two, 1, allowed(two, one), {}),
    ])
    for (const end of ends) if (end.status === 'rejected') throw end.reason
  }
} catch (error) {
  say({ failure: error instanceof Error ? (error.stack ?? error.message) : String(error) })
  process.exit(1)
}
