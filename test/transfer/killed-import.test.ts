/**
 * What could go wrong when a process dies during an import: committed rows are lost, rows come twice or not at all when it goes on, the
 * reject file has rows of batches that are not committed.
 *
 * A child imports with a resume file, and tells each commit that its progress reports. It is killed at a random moment, again and again,
 * until an import ends by itself. Then the store and the reject file must be those of one run.
 */

import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openStore, u8, utf8 } from 'stridedb'
import { importCsv } from 'stridedb/transfer'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { childScript } from '../child-scripts.ts'
import { runSeed, seededRandom } from '../crash/random.ts'
import { temporaryFolder } from '../engine/support.ts'
import { propertyRuns } from '../property.ts'

const Row = z.object({ id: z.uint32(), flag: u8(), name: utf8(16) })
const ROWS = 30_000
const BATCH = 700

const CHILD = `
  import { openStore, u8, utf8 } from 'src/index.ts'
  import { importCsv } from 'src/transfer/index.ts'
  import { z } from 'zod'
  import { writeSync } from 'node:fs'
  const Row = z.object({ id: z.uint32(), flag: u8(), name: utf8(16) })
  const [folder] = process.argv.slice(2)
  const store = openStore(folder + '/killed.stride', Row)
  let told = -1
  writeSync(1, 'opened ' + store.count + '\\n')
  await importCsv(store, folder + '/rows.csv', {
    batch: ${BATCH}, onBad: 'reject', rejects: folder + '/killed.bad', resume: folder + '/killed.resume',
    progress({ committedRows, rows, rejected }) {
      if (committedRows !== told) writeSync(1, 'committed ' + committedRows + '\\n')
      told = committedRows
    },
  })
  writeSync(1, 'done\\n')
  store.close()
`

/** Runs the child until it ends, or is killed once `lines` lines were printed and `turns` turns passed. */
function runChild(folder: string, lines: number, turns: number): Promise<string[]> {
  return new Promise(resolve => {
    const child = spawn(process.execPath, [childScript(CHILD), folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let printed = ''
    let isAsked = false
    child.stdout.on('data', chunk => {
      printed += String(chunk)
      if (isAsked || printed.split('\n').length <= lines) return
      isAsked = true
      const later = (left: number): void => {
        if (left === 0) child.kill('SIGKILL')
        else setImmediate(later, left - 1)
      }
      later(turns)
    })
    child.on('close', () => resolve(printed.trim().split('\n')))
  })
}

test('killed at random moments, an import goes on to the store of one run', async () => {
  const seed = runSeed()
  const random = seededRandom(seed)
  const folder = temporaryFolder()
  const lines = ['id,flag,name']
  for (let i = 0; i < ROWS; i++) lines.push(i % 97 === 5 ? `${i},999,bad` : `${i},${i % 256},"row, ${i}"`)
  writeFileSync(join(folder, 'rows.csv'), `${lines.join('\n')}\n`)
  let wasKilled = 0
  let isDone = false
  const killsMax = propertyRuns(12)
  for (let run = 0; !isDone; run++) {
    const printed = await runChild(
      folder,
      run < killsMax ? 1 + random.below(4) : Number.POSITIVE_INFINITY,
      random.below(300),
    )
    isDone = printed.at(-1) === 'done'
    if (!isDone) wasKilled++
    const told = Math.max(
      0,
      ...printed.filter(line => line.startsWith('committed')).map(line => Number(line.split(' ')[1])),
    )
    const store = openStore(join(folder, 'killed.stride'), Row)
    const committed = lines.slice(1, told + 1).filter(line => !line.includes('999,bad')).length
    expect(store.count, `seed ${seed}, run ${run}`).toBeGreaterThanOrEqual(committed)
    store.close()
  }
  const whole = openStore(join(folder, 'whole.stride'), Row)
  await importCsv(whole, join(folder, 'rows.csv'), { onBad: 'reject', rejects: join(folder, 'whole.bad') })
  const killed = openStore(join(folder, 'killed.stride'), Row)
  expect([killed.size, killed.count], `seed ${seed}`).toEqual([whole.size, whole.count])
  expect(killed.gather('id'), `seed ${seed}`).toEqual(whole.gather('id'))
  expect(killed.gather('name'), `seed ${seed}`).toEqual(whole.gather('name'))
  expect(readFileSync(join(folder, 'killed.bad'), 'utf8'), `seed ${seed}`).toBe(
    readFileSync(join(folder, 'whole.bad'), 'utf8'),
  )
  expect((await killed.verify()).findings).toEqual([])
  expect(wasKilled, `seed ${seed}`).toBeGreaterThan(0)
  whole.close()
  killed.close()
})
