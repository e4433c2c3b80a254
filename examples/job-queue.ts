/**
 * A job queue: jobs are appended to a store, and workers take them as a named consumer.
 *
 * The position of a consumer is kept beside the store, and moves when a batch is done. A worker that dies in between leaves its batch to
 * the next one, so no job is lost, and a job may be handled twice. Handling is therefore idempotent here: a result is stored under the
 * id of its job.
 *
 *   npx tsx examples/job-queue.ts
 */

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openStore } from 'stridedb'
import { z } from 'zod'

const Job = z.object({ kind: z.enum(['square', 'end']), id: z.uint32() })
const Result = z.object({ square: z.uint32(), times: z.uint32() })

const JOBS = 100
const BATCH = 10
/** In which batch the first worker dies. */
const LAST_BATCH = 4

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'stridedb-jobs-'))
  try {
    using jobs = openStore(join(folder, 'jobs.stride'), Job)
    using results = openStore(join(folder, 'results.stride'), Result, { lock: 'transaction' })
    await results.transaction(
      tx => void tx.appendMany(Array.from({ length: JOBS }, () => ({ square: 0, times: 0 }))),
    )
    jobs.appendMany(Array.from({ length: JOBS }, (_, id) => ({ kind: 'square' as const, id })))
    await jobs.commit()

    console.log(`first worker: ${await work(folder, LAST_BATCH)}`)
    jobs.append({ kind: 'end', id: JOBS })
    await jobs.commit()
    console.log(`second worker: ${await work(folder)}`)

    const times = results.gather('times')
    console.log(
      `${times.filter(each => each > 0).length} jobs handled, ${times.filter(each => each > 1).length} of them twice`,
    )
    console.log(`the square of ${JOBS - 1} is ${results.field(JOBS - 1, 'square')}`)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** @returns how the worker ended */
async function work(folder: string, lastBatch = 0): Promise<string> {
  const worker = fork(fileURLToPath(import.meta.url), [folder, String(lastBatch)])
  const [exitCode, signal] = (await once(worker, 'exit')) as [number | null, string | null]
  return signal === null ? `ended with ${exitCode}` : 'killed'
}

async function worker(folder: string, lastBatch: number): Promise<void> {
  using jobs = openStore(join(folder, 'jobs.stride'), Job, { readOnly: true })
  using results = openStore(join(folder, 'results.stride'), Result, { lock: 'transaction' })
  let batches = 0
  for await (const batch of jobs.tail({ consumer: 'squares', from: 'start', batch: BATCH })) {
    await results.transaction(tx => {
      for (const { kind, id } of batch)
        if (kind === 'square') tx.put(id, { square: id ** 2, times: tx.field(id, 'times') + 1 })
    })
    if (++batches === lastBatch) process.kill(process.pid, 'SIGKILL')
    await batch.done()
    if (batch.records.some(({ kind }) => kind === 'end')) return
  }
}

const [folder, lastBatch] = process.argv.slice(2)
if (folder === undefined) await main()
else await worker(folder, Number(lastBatch))
