/**
 * The processes of tail-kills.ts. `node tail-child.mjs writer PATH SEED` does what lines of its standard input ask for, and
 * `node tail-child.mjs follower PATH NAME BATCH PAUSE_MS STOP_AFTER` follows the store as a named consumer. Both say each step as a line of JSON.
 */

import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { StrideError } from '../../src/errors.ts'
import { migrateStore } from '../../src/engine/maintenance/migrate.ts'
import { openStore } from '../../src/engine/open.ts'
import type { StoreOptions } from '../../src/engine/opening/options.ts'
import type { Store } from '../../src/engine/store.ts'
import { seededRandom } from './random.ts'

export type WriterLine =
  /** The last id that is there: when the writer has opened the store, and after each commit. */
  | { readonly at: number }
  /** What was asked for is done. */
  | { readonly ready: 'append' | 'compact' | 'migrate' }

export type FollowerLine =
  | {
      readonly seen: {
        readonly first: number
        readonly last: number
        /** How many ids of the batch are never deleted. */
        readonly kept: number
        /** Whether each id is higher than the one before. */
        readonly isRising: boolean
      }
    }
  | { readonly done: number }
  | { readonly ended: string }

const ENTRY = z.object({ id: z.uint32(), value: z.uint32() })
const WIDER = ENTRY.extend({ more: z.uint32().default(7) })
const NARROW_BYTES = 8
const WRITING = { lockTimeoutMs: 60_000, journalBytes: 1024 * 1024 }
/** Nobody deletes others. */
export const isDeletable = (id: number): boolean => id % 3 === 0

const COMMIT_MAX = 3000
const DELETIONS_MAX = 300
const [role, path = '', ...rest] = process.argv.slice(2)

/** Stores to a pipe return when the line is in it. */
const sayWriting = (line: WriterLine): void => console.log(JSON.stringify(line))

class Writing {
  readonly #random = seededRandom(Number(rest[0]))
  #store: Store<typeof ENTRY>
  #last: number

  constructor() {
    this.#store = opened(WRITING)
    this.#last = this.#store.size === 0 ? -1 : this.#store.field(this.#store.size - 1, 'id')
    sayWriting({ at: this.#last })
  }

  async append(count: number): Promise<void> {
    const end = this.#last + count
    while (this.#last < end) {
      const store = this.#store
      // The last record stays: the next writer goes on behind it.
      for (let i = this.#random.below(DELETIONS_MAX); i > 0 && store.size > 1; i--) {
        const n = this.#random.below(store.size - 1)
        if (store.has(n) && isDeletable(store.field(n, 'id'))) store.delete(n)
      }
      const length = Math.min(end - this.#last, 1 + this.#random.below(COMMIT_MAX))
      store.appendMany(Array.from({ length }, (_, i) => ({ id: this.#last + 1 + i, value: 0 })))
      await store.commit()
      this.#last += length
      sayWriting({ at: this.#last })
    }
    sayWriting({ ready: 'append' })
  }

  async compact(): Promise<void> {
    await this.#store.compact()
    sayWriting({ ready: 'compact' })
  }

  migrate(): void {
    const isWide = this.#store.recordSize > NARROW_BYTES
    this.#store.close()
    migrateStore(path, isWide ? ENTRY : WIDER)
    this.#store = opened(WRITING)
    sayWriting({ ready: 'migrate' })
  }
}

/** The store with the one schema or the other. Only fields that both have are used. */
function opened(options: StoreOptions): Store<typeof ENTRY> {
  try {
    return openStore(path, ENTRY, options)
  } catch (error) {
    if (!(error instanceof StrideError && error.code === 'ERR_STRIDE_SCHEMA_MISMATCH')) throw error
    return openStore(path, WIDER, options) as unknown as Store<typeof ENTRY>
  }
}

async function write(): Promise<void> {
  const writing = new Writing()
  for await (const line of createInterface({ input: process.stdin })) {
    const [what, count] = line.split(' ')
    if (what === 'append') await writing.append(Number(count))
    else if (what === 'compact') await writing.compact()
    else writing.migrate()
  }
}

async function follow(): Promise<void> {
  const say = (line: FollowerLine): void => console.log(JSON.stringify(line))
  const [consumer = '', batchSize, pauseMs, stopAfter] = rest
  try {
    const store = opened({ readOnly: true })
    let batches = 0
    for await (const batch of store.tail({ consumer, from: 'start', batch: Number(batchSize) })) {
      const ids = batch.records.map(({ id }) => id)
      const isRising = ids.every((id, i) => i === 0 || id > (ids[i - 1] as number))
      const kept = ids.filter(id => !isDeletable(id)).length
      const last = ids.at(-1) as number
      say({ seen: { first: ids[0] as number, last, kept, isRising } })
      // It is killed here, before the batch is done.
      if (++batches === Number(stopAfter)) await sleep(2 ** 31 - 1)
      if (pauseMs !== '0') await sleep(Number(pauseMs))
      await batch.done()
      say({ done: last })
    }
  } catch (error) {
    if (!(error instanceof StrideError)) throw error
    say({ ended: error.code })
  }
}

await (role === 'writer' ? write() : follow())
