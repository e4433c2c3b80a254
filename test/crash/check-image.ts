/**
 * Is a store whole after a crash? Opens what is left, and lets it go on.
 *
 *   X1  it opens; what it holds is one of the versions, with its commit number; verify() finds nothing.
 *   X2  a reader beside it sees the same version before and writes nothing.
 *   X4  no index is built from the records again, unless the crash came before its file was there.
 *   X5  without its index file it has the same indexes, built from the records, and so has a copy of the data file of the closed store.
 *   X3  it goes on: append, update, delete and commit, then reopened, with or without having been closed.
 */

import { setImmediate as nextTurn } from 'node:timers/promises'
import {
  differenceOf,
  highestNumber,
  isSameState,
  type Rec,
  storedRecord,
  type Version,
} from './expected-store.ts'
import { createMortalPlatform, discard } from './mortal-platform.ts'
import {
  hasLateIndex,
  openUndeclared,
  openUnderTest,
  type ReplayTime,
  SHAPES,
  type Shape,
  type StoreUnderTest,
  stateOf,
  type UnderTestOptions,
} from './store-under-test.ts'
import { during, Violation } from './violation.ts'

/** Why a store that was just created has to build its indexes: it has no index file, or one without an index. */
const NO_FILE = 'there is no index file'
const BEFORE_ITS_FILE: readonly string[] = [NO_FILE, 'it was not there yet']

export interface ImageCheck {
  readonly path: string
  readonly shape: Shape
  readonly options: UnderTestOptions
  readonly versions: readonly Version[]
  /** Whether a read-only opener looks first. */
  readonly readsFirst: boolean
  readonly replays: ReplayTime
  /** Whether the store that went on is closed before it is reopened. */
  readonly closes: boolean
  /** Whether it is also opened without its index file. */
  readonly losesIndexFile: boolean
  /** A backup has its indexes in its root, and no index file. */
  readonly isBackup: boolean
}

export interface Outcome {
  /** The versions that it may be: several where commits changed nothing. */
  readonly versions: readonly number[]
  readonly commitsReplayed: number
  readonly bytesDropped: number
  readonly hasLateIndex: boolean
}

/** @throws Violation */
export async function checkImage(files: ReadonlyMap<string, Uint8Array>, check: ImageCheck): Promise<Outcome> {
  const { path, shape, options } = check
  const seen = check.readsFirst && files.has(path) ? await readBeside(files, check) : undefined
  if (check.losesIndexFile && files.has(path)) {
    await during('without its index file', () =>
      checkLost(files, name => !name.startsWith(`${path}-index`), check),
    )
  }
  const platform = createMortalPlatform({ files })
  let store = await during('opening', () => openUnderTest(platform, path, shape, options, check.replays))
  const { commitsReplayed, bytesDropped, indexesBuilt = [] } = store.recovery
  for (const { index, reason } of indexesBuilt) {
    const isLost = reason === NO_FILE && !check.isBackup && isNamed(files, check, index)
    if (isLost || !BEFORE_ITS_FILE.includes(reason))
      throw new Violation(`the index ${index} was built again: ${reason}`)
  }
  const hasLate = hasLateIndex(store)
  const versions = await during('after opening', () => versionsOf(store, check.versions))
  if (check.replays === 'inTurns') {
    await during('while replaying', () =>
      watchReplay(
        store,
        versions.map(i => check.versions[i] as Version),
      ),
    )
  }
  if (seen !== undefined && !seen.some(version => versions.includes(version))) {
    throw new Violation(`a reader saw version ${seen}, the writer then ${versions}`)
  }
  await during('after opening', () => verifyClean(store))
  const going = { commitNumber: store.commitNumber, records: stateOf(store) }
  await during('going on', () => goOn(store, going.records, SHAPES[shape].fillBytes))
  if (check.closes) await during('closing', () => store.close())
  const again = createMortalPlatform({ files: platform.files() })
  if (!check.closes) discard(store, platform)
  store = await during('reopening', () => openUnderTest(again, path, shape, options))
  await during('after going on and reopening', async () => {
    const expected: Version = { commitNumber: going.commitNumber + 1, records: going.records, label: 'gone on' }
    versionsOf(store, [expected])
    await verifyClean(store)
    if (check.losesIndexFile) store.close()
    else discard(store, again)
  })
  if (check.losesIndexFile) {
    await during('as a copy of the data file', () => checkLost(again.files(), name => name === path, check))
  }
  // What ends with the turn of the event loop (windows, mostly) must come to its end.
  await nextTurn()
  return { versions, commitsReplayed, bytesDropped, hasLateIndex: hasLate }
}

/** Whether the root says that the store has the index. */
function isNamed(files: ReadonlyMap<string, Uint8Array>, { path, shape }: ImageCheck, index: string): boolean {
  if (!files.has(path)) return false
  const store = openUndeclared(createMortalPlatform({ files }), path, shape, { readOnly: true })
  const named = store.indexes.some(({ name }) => name === index)
  store.close()
  return named
}

/** Opens a store with all its files, and with those that are left. */
async function checkLost(
  files: ReadonlyMap<string, Uint8Array>,
  isLeft: (name: string) => boolean,
  { path, shape }: ImageCheck,
): Promise<void> {
  const wholeDisk = createMortalPlatform({ files })
  const whole = openUndeclared(wholeDisk, path, shape)
  const left = new Map([...files].filter(([name]) => isLeft(name)))
  const lostDisk = createMortalPlatform({ files: left })
  const lost = openUndeclared(lostDisk, path, shape)
  const before = { indexes: whole.indexes, records: stateOf(whole), commitNumber: whole.commitNumber }
  const after = { indexes: lost.indexes, records: stateOf(lost), commitNumber: lost.commitNumber }
  if (JSON.stringify(before) !== JSON.stringify(after))
    throw new Violation(
      `it has ${JSON.stringify(after.indexes)}, not ${JSON.stringify(before.indexes)}, or other records`,
    )
  if ((lost.recovery.indexesBuilt ?? []).length !== before.indexes.length)
    throw new Violation('recovery does not say that the indexes were built')
  await verifyClean(lost)
  discard(whole, wholeDisk)
  discard(lost, lostDisk)
}

/** Which of the versions a store holds, as indices. @throws Violation if none */
export function versionsOf(store: StoreUnderTest, versions: readonly Version[]): number[] {
  const found = stateOf(store)
  const { commitNumber } = store
  const same = [...versions.keys()].filter(index => {
    const version = versions[index] as Version
    return version.commitNumber === commitNumber && isSameState(version.records, found)
  })
  if (same.length > 0) return same
  const named = versions.find(version => version.commitNumber === commitNumber)
  if (named === undefined) throw new Violation(`it holds commit ${commitNumber}, which was never asked for`)
  const twin = versions.find(version => isSameState(version.records, found))
  const hint =
    twin === undefined ? 'no commit had this state' : `this is the state of commit ${twin.commitNumber}`
  throw new Violation(
    `it says commit ${commitNumber} but holds another state (${hint}): ${differenceOf(found, named.records)}`,
  )
}

/** What it holds stays the same while commits go from the journal into the file. */
async function watchReplay(store: StoreUnderTest, versions: readonly Version[]): Promise<void> {
  for (let turns = 0; turns < 4; turns++) {
    await nextTurn()
    versionsOf(store, versions)
  }
}

/** @throws Violation with the findings */
export async function verifyClean(store: StoreUnderTest): Promise<void> {
  const { ok, findings } = await store.verify()
  if (ok) return
  const list = findings.map(({ code, offset, message }) => `${code} at ${offset}: ${message}`)
  throw new Violation(`verify found ${list.join('; ')}`)
}

/** One more commit of each kind of change, at durability 'full'; `records` follows. */
export function goOn(store: StoreUnderTest, records: (Rec | undefined)[], fillBytes: number): void {
  stageMore(store, records, fillBytes)
  store.commitSync({ durability: 'full' })
}

/** What that commit takes. */
export function stageMore(store: StoreUnderTest, records: (Rec | undefined)[], fillBytes: number): void {
  const stamp = 1 + highestNumber(records, 1_000_000)
  const live = records.findLastIndex(record => record !== undefined)
  const first = records.findIndex(record => record !== undefined)
  const added = { stamp, mark: stamp, lead: stamp }
  records[store.append(storedRecord(added, fillBytes))] = added
  if (live >= 0) {
    store.update(live, { mark: stamp + 1 })
    records[live] = { ...(records[live] as Rec), mark: stamp + 1 }
  }
  if (first >= 0 && first < live) {
    if (!store.delete(first)) throw new Violation(`delete(${first}) found no record`)
    records[first] = undefined
  }
}

async function readBeside(files: ReadonlyMap<string, Uint8Array>, check: ImageCheck): Promise<number[]> {
  const writes: string[] = []
  const platform = createMortalPlatform({
    files,
    observer: event => {
      const isLockFile = event.kind === 'create' && event.path.endsWith('-lock')
      if (!isLockFile) writes.push(event.kind)
    },
  })
  return during('opening read-only', async () => {
    const reader = openUnderTest(platform, check.path, check.shape, { ...check.options, readOnly: true })
    // What a crash leaves torn is mended by the next writer; until then verify() names it.
    const versions = versionsOf(reader, check.versions)
    reader.close()
    if (writes.length > 0) throw new Violation(`a reader wrote: ${writes.join(', ')}`)
    return versions
  })
}
