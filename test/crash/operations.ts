/**
 * Every long or stateful operation of a store, in one table: what it does, and what it may be refused with beside another.
 *
 * The matrix (matrix.ts) tries each beside each; the mixed workload (mixed-kills.ts) draws from them.
 */

import { rmSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { migrateStoreAsync } from '../../src/engine/maintenance/migrate.ts'
import { type ErrorCode, StrideError } from '../../src/errors.ts'
import {
  ACCOUNTS,
  Account,
  type AccountStore,
  type Change,
  checkedState,
  checkRecord,
  checkSum,
  isAccount,
  openAccounts,
  stage,
} from './accounts.ts'
import type { Desk } from './desk.ts'
import { Violation } from './violation.ts'

type Trait =
  /** Changes records through the handle that writes. */
  | 'changes'
  /** Keeps changes staged from one turn to another. */
  | 'stages'
  /** Is refused while changes are staged. */
  | 'needs nothing staged'
  /** Works on the whole file, one such work at a time on a handle. */
  | 'file work'
  /** Takes no changes meanwhile. */
  | 'blocks changes'
  /** Gives the name to another file. */
  | 'replaces'
  /** Keeps the file from being replaced. */
  | 'keeps'
  /** The new file has no indexes until the next writer opens it. */
  | 'leaves indexes out'
  /** Closes the handle that writes, and opens it again. */
  | 'closes'
  /** Opens the file for writing by a handle of its own. */
  | 'opens for writing'

export interface Operation {
  readonly traits: readonly Trait[]
  /** Whether the store must be open for writing here. */
  readonly needsWriter: boolean
  run(desk: Desk): Promise<void> | void
}

const writing = (traits: readonly Trait[], run: Operation['run']): Operation => ({
  traits,
  needsWriter: true,
  run,
})
const reading = (run: Operation['run'], traits: readonly Trait[] = []): Operation => ({
  traits,
  needsWriter: false,
  run,
})

/** Stages a change, and commits it by `commit` in the same turn. */
const committing = (commit: (store: AccountStore) => Promise<unknown> | number): Operation =>
  writing(['changes'], desk =>
    desk.change(async (change, sent) => {
      const { writer } = desk
      stage(writer, change)
      sent()
      await commit(writer)
      return true
    }),
  )

const OPERATION_TABLE = {
  commit: committing(store => store.commit()),
  commitSync: committing(store => store.commitSync()),
  'commit of the process': committing(store => store.commit({ durability: 'process' })),
  'three commits in a turn': writing(['changes'], async desk => {
    const commitOne = (): Promise<void> =>
      desk.change(async (change, sent) => {
        const { writer } = desk
        stage(writer, change)
        sent()
        await writer.commit()
        return true
      })
    await allOf([commitOne(), commitOne(), commitOne()])
  }),
  transaction: writing(['changes', 'needs nothing staged'], desk =>
    desk.change(async (change, sent) => {
      await desk.writer.transaction(tx => {
        stage(tx, change)
        sent()
      })
      return true
    }),
  ),
  'a transaction that throws': writing(['changes', 'needs nothing staged'], desk =>
    desk.change(async change => {
      const thrown = new Error('thrown by the callback')
      const failed = desk.writer.transaction(tx => {
        stage(tx, change)
        throw thrown
      })
      await failed.catch((error: unknown) => {
        if (error !== thrown) throw error
      })
      return false
    }),
  ),
  rollback: writing(['changes'], desk =>
    desk.change(change => {
      const { writer } = desk
      stage(writer, change)
      writer.rollback()
      return false
    }),
  ),
  'stage, then commit later': writing(['changes', 'stages'], desk =>
    desk.change(stageThenCommit.bind(undefined, desk)),
  ),
  checkpoint: writing(['file work'], desk => desk.writer.checkpoint()),
  flush: writing([], desk => desk.writer.flush()),
  compact: writing(
    ['needs nothing staged', 'file work', 'blocks changes', 'replaces', 'changes'],
    async desk => void (await desk.writer.compact()),
  ),
  'backup by the writer': writing(['file work'], desk => backUp(desk, desk.writer)),
  createIndex: writing(['changes', 'needs nothing staged', 'file work'], async desk => {
    const { writer } = desk
    const name = `extra-${desk.next()}`
    await writer.createIndex(name, { on: 'proof' })
    await dropExtra(desk, 2)
  }),
  dropIndex: writing(['changes', 'needs nothing staged', 'file work'], async desk => {
    if (desk.writer.indexes.length < 3)
      await desk.writer.createIndex(`extra-${desk.next()}`, { on: ['proof', 'id'] })
    await dropExtra(desk, 0)
  }),
  'verify by the writer': writing([], desk => verified(desk.writer)),
  'close and reopen': writing(['closes', 'opens for writing'], async desk => {
    await desk.closeWriter()
    await desk.openWriter()
  }),
  'a second writer': reading(
    desk => {
      const { isWriting } = desk
      try {
        openAccounts(desk.path).close()
      } catch (error) {
        if (error instanceof StrideError && error.code === 'ERR_STRIDE_BUSY') return
        throw error
      }
      if (isWriting) throw new Violation('the store was open for writing, and a second writer opened it')
    },
    ['opens for writing'],
  ),
  migrateStore: reading(
    async desk => {
      const { isWriting } = desk
      try {
        await migrateStoreAsync(desk.path, Account)
      } catch (error) {
        if (error instanceof StrideError && error.code === 'ERR_STRIDE_BUSY') return
        throw error
      }
      if (isWriting) throw new Violation('the store was open for writing, and was migrated')
    },
    ['opens for writing', 'replaces', 'leaves indexes out'],
  ),
  'open by a reader': reading(desk => {
    const reader = openAccounts(desk.path, { readOnly: true })
    reader.read(() => checkSum(reader.gather('amount')))
    reader.close()
  }),
  'backup by a reader': reading(desk => backUp(desk, desk.reader), ['file work']),
  'verify by a reader': reading(desk => verified(desk.reader)),
  scan: reading(async ({ either }) => {
    let steps = 0
    for (const row of either.scan()) {
      checkRecord(row.toObject())
      if (++steps % 700 === 0) await nextTurn()
    }
  }),
  gather: reading(({ either }) => checkSum(either.gather('amount'))),
  getMany: reading(({ either, random }) => {
    const numbers = Array.from({ length: 300 }, () => random.below(ACCOUNTS))
    for (const record of either.getMany(numbers)) if (record !== undefined) checkRecord(record)
  }),
  'range walk': reading(async ({ either }) => {
    let steps = 0
    for (const row of either.index('byAmount').range({ gte: -1000 })) {
      checkRecord(row.toObject())
      if (++steps % 700 === 0) await nextTurn()
    }
  }),
  'index lookups': reading(({ either, random }) => {
    const byId = either.index('byId')
    for (let i = 0; i < 100; i++) {
      const id = 1 + random.below(ACCOUNTS)
      const record = byId.get(id)
      if ((record !== undefined) !== isAccount(id)) throw new Violation(`a lookup of ${id} found ${record?.id}`)
      if (record === undefined) continue
      if (record.id !== id) throw new Violation(`a lookup of ${id} found ${record.id}`)
      checkRecord(record)
    }
  }),
  'read(fn)': reading(({ either }) => void either.read(() => checkedState(either))),
  'a kept snapshot': reading(
    async ({ either, random }) => {
      using snapshot = either.snapshot({ keep: true })
      const before = random.chance(0.5) ? checkedState(snapshot) : undefined
      for (let turn = 0; turn < 4; turn++) {
        await nextTurn()
        checkSum(snapshot.gather('amount'))
      }
      const after = JSON.stringify([...checkedState(snapshot)])
      if (before !== undefined && after !== JSON.stringify([...before]))
        throw new Violation('a snapshot changed')
    },
    ['keeps'],
  ),
  snapshot: reading(async ({ either }) => {
    using snapshot = either.snapshot()
    try {
      const before = checkedState(snapshot)
      for (let turn = 0; turn < 4; turn++) {
        await nextTurn()
        checkSum(snapshot.gather('amount'))
      }
      const after = checkedState(snapshot)
      if (JSON.stringify([...after]) !== JSON.stringify([...before])) throw new Violation('a snapshot changed')
    } catch (error) {
      // What it needs may be gone by now; what it shows may not be wrong.
      if (!(error instanceof StrideError) || error.code !== 'ERR_STRIDE_SNAPSHOT_GONE') throw error
    }
  }),
  prefetch: reading(({ either }) => either.prefetch()),
  trim: reading(({ either }) => {
    either.trim()
    checkSum(either.gather('amount'))
  }),
} satisfies Record<string, Operation>

export type OperationName = keyof typeof OPERATION_TABLE
export const OPERATIONS: Readonly<Record<OperationName, Operation>> = OPERATION_TABLE
export const OPERATION_NAMES = Object.keys(OPERATION_TABLE) as readonly OperationName[]

/** What one operation may be refused with where another goes on over the same handles. */
export function refusalsBeside(name: OperationName, other: OperationName): ReadonlySet<ErrorCode> {
  const { traits, needsWriter } = OPERATIONS[name]
  const beside = OPERATIONS[other].traits
  const has = (list: readonly Trait[], trait: Trait): boolean => list.includes(trait)
  const allowed = new Set<ErrorCode>()
  // What reads may do so over the handle that writes.
  if (has(beside, 'closes')) allowed.add('ERR_STRIDE_CLOSED')
  if (has(beside, 'file work') && has(traits, 'file work')) allowed.add('ERR_STRIDE_BUSY')
  if (has(beside, 'blocks changes') && needsWriter) allowed.add('ERR_STRIDE_BUSY')
  if (has(beside, 'stages') && has(traits, 'needs nothing staged')) allowed.add('ERR_STRIDE_TRANSACTION')
  return new Set([...allowed, ...refusalsElsewhere(name, other)])
}

/** The same where the other goes on in another process or thread. */
export function refusalsElsewhere(name: OperationName, other: OperationName): ReadonlySet<ErrorCode> {
  const { traits, needsWriter } = OPERATIONS[name]
  const beside = OPERATIONS[other].traits
  const allowed = new Set<ErrorCode>()
  for (const [one, two] of [
    [traits, beside],
    [beside, traits],
  ] as const) {
    if (one.includes('keeps') && two.includes('replaces')) allowed.add('ERR_STRIDE_BUSY')
  }
  if (needsWriter) return allowed
  if (beside.includes('replaces')) allowed.add('ERR_STRIDE_REPLACED')
  if (beside.includes('leaves indexes out')) allowed.add('ERR_STRIDE_INDEX_NOT_BUILT')
  return allowed
}

/** Leaves a change staged for a turn. Another operation may commit it, drop it, or close the store meanwhile. */
async function stageThenCommit(desk: Desk, change: Change, sent: () => void): Promise<boolean> {
  const { writer } = desk
  stage(writer, change)
  sent()
  await nextTurn()
  const isThere = (store: AccountStore): boolean => store.index('byId').has(change.added)
  try {
    if (!isThere(writer)) return false
  } catch (error) {
    if (!(error instanceof StrideError) || error.code !== 'ERR_STRIDE_CLOSED') throw error
    // Closing committed what was given to a commit, and dropped the rest.
    await desk.openWriter()
    return isThere(desk.writer)
  }
  await writer.commit()
  return true
}

async function backUp(desk: Desk, store: AccountStore): Promise<void> {
  const path = `${desk.path}-copy-${desk.next()}`
  try {
    await store.backup(path)
    const copy = openAccounts(path, { readOnly: false })
    try {
      checkedState(copy)
    } finally {
      copy.close()
    }
  } finally {
    for (const suffix of ['', '-journal', '-index', '-lock']) rmSync(path + suffix, { force: true })
  }
}

/** Drops one of the indexes that operations created, where there are more than `most`. */
async function dropExtra({ writer, dropping }: Desk, most: number): Promise<void> {
  const extra = writer.indexes
    .map(({ name }) => name)
    .filter(name => name.startsWith('extra-') && !dropping.has(name))
  const [name] = extra
  if (name === undefined || extra.length <= most) return
  dropping.add(name)
  try {
    await writer.dropIndex(name)
  } finally {
    dropping.delete(name)
  }
}

/** @throws Violation with what verify() finds */
export async function verified(store: AccountStore): Promise<void> {
  const { findings } = await store.verify()
  if (findings.length === 0) return
  throw new Violation(`verify found ${findings.map(({ code, message }) => `${code}: ${message}`).join('; ')}`)
}

/** Waits for all of them; then throws what the first one threw. */
async function allOf(running: readonly Promise<void>[]): Promise<void> {
  for (const end of await Promise.allSettled(running)) if (end.status === 'rejected') throw end.reason
}
