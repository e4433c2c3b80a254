/**
 * Engines that are broken on purpose: each of these must be caught by the harness (canaries.test.ts).
 */

import type { Mutation } from './bundle.ts'
import { BUSY, PLAIN, SPILL, type Step, type Workload } from './workload.ts'

/** A mutation that shows in one kind of workload alone has it here: a search would meet it late. */
export interface KnownBad extends Mutation {
  readonly workload?: Workload
  /** It shows after a failed sync alone. */
  readonly failingSyncs?: boolean
}

const after = (...steps: Step[]): Workload => ({ ...PLAIN, start: 'records', prelude: BUSY, steps })

const CHECKPOINT: Step = { kind: 'checkpoint', meanwhile: [] }
const UPDATES: Step = {
  kind: 'commit',
  changes: [
    { kind: 'update', at: 1 },
    { kind: 'put', at: 3 },
  ],
  how: 'async',
}
const DELETES: Step = {
  kind: 'commit',
  changes: [
    { kind: 'delete', at: 0 },
    { kind: 'update', at: 5 },
  ],
  how: 'sync',
}
const MORE: Step = { kind: 'commit', changes: [{ kind: 'appendMany', count: 20 }], how: 'sync' }

export const MUTATIONS: readonly KnownBad[] = [
  {
    name: 'changes that go through memory are not stored',
    file: 'src/engine/data-file/store-batch.ts',
    find: `this.#pool.storePieces(pieces)`,
    replace: `pieces.clear()`,
    workload: after(UPDATES, MORE, CHECKPOINT, UPDATES, CHECKPOINT),
  },
  {
    name: 'the journal is not synced',
    file: 'src/engine/journal/journal.ts',
    find: `    this.syncs++
    await this.#file.syncAsync()`,
    replace: `    this.syncs++`,
  },
  {
    name: 'a checkpoint gives the journal up before the data is synced',
    file: 'src/engine/commit/checkpointer.ts',
    find: `    yield dataSync
    if (companion`,
    replace: `    if (companion`,
    workload: after(CHECKPOINT),
  },
  {
    name: 'a change is put into the file before its frame is synced',
    file: 'src/engine/commit/committer.ts',
    find: `    yield { block: () => journal.sync(), wait: () => journal.syncAsync() }
    this.#apply(upTo)`,
    replace: `    this.#apply(upTo)
    yield { block: () => journal.sync(), wait: () => journal.syncAsync() }`,
  },
  {
    name: 'a root is stored over the durable one',
    file: 'src/engine/data-file/root-writer.ts',
    find: `rootNumber: this.#root.rootNumber + 1`,
    replace: `rootNumber: this.#root.rootNumber + 2`,
  },
  {
    name: 'the older of two roots counts',
    file: 'src/engine/format/root.ts',
    find: `root.rootNumber > newest.rootNumber`,
    replace: `root.rootNumber < newest.rootNumber`,
  },
  {
    name: 'a patch is not laid over the record in the file',
    file: 'src/engine/journal/net-changes.ts',
    find: `    if (from < 0) this.#readRecord(this.numbers[i] as number, record.bytes)`,
    replace: ``,
  },
  {
    name: 'of several patches of a record the last one counts alone',
    file: 'src/engine/journal/net-changes.ts',
    find: `for (let k = Math.max(0, from); k <= last; k++) {`,
    replace: `for (let k = last; k <= last; k++) {`,
  },
  {
    name: 'a patch lacks the rest of a key that it changes',
    file: 'src/engine/journal/frame-encode.ts',
    find: `if (words.some(word => differs[word] === 1)) for (const word of words) differs[word] = 1`,
    replace: ``,
  },
  {
    name: 'the checksum of a frame is not looked at',
    file: 'src/engine/journal/frame-read.ts',
    find: `return crc === head.payloadCrc ? head : undefined`,
    replace: `return crc >= 0 ? head : undefined`,
    // Frames longer than a sector.
    workload: after({ kind: 'commit', changes: [{ kind: 'appendMany', count: 60 }], how: 'sync' }),
  },
  {
    name: 'records that were synced in place are believed to be there',
    file: 'src/engine/journal/in-place.ts',
    find: `    if ((yield* checksumInPlace(store, start, end, replaced)) === crc) continue`,
    replace: `    if ((yield* checksumInPlace(store, start, end, replaced)) !== undefined) continue`,
    // No power cut takes such records: a file that is older than the journal beside it lacks them.
    workload: { ...PLAIN, shape: 'wide', start: 'records', prelude: [SPILL], steps: [SPILL, UPDATES] },
  },
  {
    name: 'the root of the indexes is stored before their pages are synced',
    file: 'src/engine/indexes/lifecycle/index-file.ts',
    find: `      yield this.#sync
      this.#assertSound()
      writeIndexRoot`,
    replace: `      writeIndexRoot`,
    workload: after(CHECKPOINT),
  },
  {
    name: 'a checkpoint gives the journal up before the indexes are brought up to date',
    file: 'src/engine/commit/checkpointer.ts',
    find: `    if (companion !== undefined) yield companion.checkpoint`,
    replace: ``,
    workload: after(CHECKPOINT),
  },
  {
    name: 'recovery leaves the indexes as the last checkpoint left them',
    file: 'src/engine/indexes/lifecycle/index-opening.ts',
    find: `  yield* noteFrames(set, opening)`,
    replace: ``,
  },
  {
    name: 'creating an index returns before a root names it',
    file: 'src/engine/opening/writer-indexes.ts',
    find: `      set.checkpointer.publish()
      set.checkpointer.assertWhole()`,
    replace: `      set.checkpointer.assertWhole()`,
    workload: after({ kind: 'index', meanwhile: [] }, MORE),
  },
  {
    name: 'pages of an index are used again while a root names them',
    file: 'src/engine/indexes/pages/page-space.ts',
    find: `    this.#dropped.push(page)`,
    replace: `    this.giveBack(page)`,
    workload: after(MORE, CHECKPOINT, MORE, CHECKPOINT, MORE, CHECKPOINT),
  },
  {
    name: 'a sync of the journal that failed is tried again',
    file: 'src/engine/commit/committer.ts',
    find: `wait: () => journal.syncAsync() }
    this.#apply(upTo)`,
    replace: `wait: () => journal.syncAsync().catch(() => journal.syncAsync()) }
    this.#apply(upTo)`,
    workload: after(UPDATES),
    failingSyncs: true,
  },
  {
    name: 'recovery takes the frames that it reads for durable once they are synced',
    file: 'src/engine/recovery/replay.ts',
    find: `  for (const { offset, end } of extents) {
    const last`,
    replace: `  for (const { offset, end } of extents.slice(extents.length)) {
    const last`,
    workload: after(UPDATES),
    failingSyncs: true,
  },
  {
    name: 'the root that opening found is taken for durable once it is synced',
    file: 'src/engine/data-file/root-writer.ts',
    find: `    writeRoot(this.#file, this.#root)
    this.#isOwn = true`,
    replace: `    this.#isOwn = true`,
    workload: after({ kind: 'reopen' }),
    failingSyncs: true,
  },
  {
    name: 'recovery does not store live bits that look right',
    file: 'src/engine/data-file/apply.ts',
    find: ` && !this.#storesEqual`,
    replace: ``,
    workload: after({ kind: 'commit', changes: [{ kind: 'delete', at: 1 }], how: 'async' }, { kind: 'reopen' }),
    failingSyncs: true,
  },
  {
    name: "the indexes' root that opening found is taken for durable once it is synced",
    file: 'src/engine/indexes/lifecycle/index-file.ts',
    find: `    writeIndexRoot(this.file, this.#root)
    yield this.#sync
    // A`,
    replace: `    yield this.#sync
    // A`,
    workload: after(MORE, CHECKPOINT),
    failingSyncs: true,
  },
  {
    name: 'a transaction of begin() is committed without its deletions',
    file: 'src/engine/transactions/commit-transaction.ts',
    find: `for (const n of numbers) writer.place(n, view.own.get(n))`,
    replace: `for (const n of numbers) if (view.own.get(n) !== undefined) writer.place(n, view.own.get(n))`,
    workload: after({ kind: 'commit', changes: [{ kind: 'delete', at: 1 }, { kind: 'append' }], how: 'begin' }),
  },
  {
    name: 'the shared words do not name a commit whose changes go into the file',
    file: 'src/engine/commit/committer.ts',
    find: `publisher.begin(last.commitNumber)`,
    replace: `publisher.begin()`,
    // An older copy of the journal shows it, beside a file that a killed process left.
    workload: after(CHECKPOINT, ...Array.from({ length: 12 }, () => [UPDATES, DELETES, MORE]).flat()),
  },
]
