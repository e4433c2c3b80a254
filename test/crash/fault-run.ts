/**
 * One scenario with one planned failure, and what must hold afterwards.
 *
 *   Y1  every failure is a coded error; close() lets go of every file and of the lock, whatever fails.
 *   Y2  after a failed sync of the store or its journal, and after anything else that leaves it unsure, every write
 *       throws ERR_STRIDE_POISONED, and reads show the last acknowledged commit.
 *   Y3  where it is not poisoned nothing happened: what was staged still is, and once nothing fails any more the same
 *       calls succeed.
 *   Y4  reopened on the bytes as they are, an acknowledged commit is there, and a refused one whole or not at all.
 */

import { basename } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { InvariantError, StrideError } from '../../src/errors.ts'
import type { Platform } from '../../src/mmap/platform.ts'
import { Deadline } from '../../src/runtime/monotonic.ts'
import { goOn, verifyClean } from './check-image.ts'
import { differenceOf, isSameState, type Rec, type Version } from './expected-store.ts'
import { type Call, type FaultPlan, Faults, failingPlatform } from './failing-platform.ts'
import type { Scenario } from './fault-scenarios.ts'
import { Subject } from './fault-subject.ts'
import { optionsOf } from './run-workload.ts'
import { hasLateIndex, openUnderTest, SHAPES, type StoreUnderTest, stateOf } from './store-under-test.ts'
import { during, Violation } from './violation.ts'

/** Where a scenario takes place. */
export interface Place {
  readonly platform: Platform
  /** Path of the store. */
  readonly path: string
  /** What the store holds at first. */
  readonly start: Version
  /** Files there now. */
  names(): string[]
}

export interface FaultRun {
  readonly calls: readonly Call[]
  readonly failed: readonly Call[]
  readonly isPoisoned: boolean
  /** Codes of what was thrown. */
  readonly codes: readonly string[]
}

/** @throws Violation */
export async function runWithFault(scenario: Scenario, place: Place, plan?: FaultPlan): Promise<FaultRun> {
  const faults = new Faults()
  const shape = scenario.shape ?? 'small'
  const subject = new Subject(failingPlatform(place.platform, faults), place.path, shape, place.start)
  await scenario.before?.(subject)
  faults.arm(plan)
  await scenario.act(subject)
  const { calls, failed } = faults
  const codes = subject.errors.map(codeOf)
  faults.disarm()
  let isPoisoned = false
  if (subject.isOpen) {
    if (!subject.closedItself)
      isPoisoned = await during('afterwards', () => probe(subject, failed, plan?.forever === true))
    if (plan?.forever === true) faults.arm({ ...plan, at: 1 })
    await during('closing', () => closeWhatever(subject, plan?.forever === true))
    faults.disarm()
  }
  await noLeaks(faults)
  if (plan?.forever !== true) noLeftovers(place, failed)
  await during('reopening', () => reopen(place, subject))
  if (plan?.forever !== true) noLeftovers(place, [])
  return { calls, failed, isPoisoned, codes }
}

/** The code of a failure. @throws Violation for anything that has none */
function codeOf(error: unknown): string {
  if (error instanceof StrideError) return error.code
  const text = error instanceof Error ? error.stack : String(error)
  throw new Violation(
    error instanceof InvariantError ? `a bug was reported: ${text}` : `not a coded error: ${text}`,
  )
}

/** What the open store says of itself, once nothing fails any more. @returns whether it is poisoned */
async function probe(subject: Subject, failed: readonly Call[], isSticky: boolean): Promise<boolean> {
  const { store, expected } = subject
  if (subject.failedCalls.includes('createIndex') && hasLateIndex(store))
    throw new Violation('createIndex was refused, and the index is there')
  const isPoisoned = writesOf(store).every(([, write]) => codeThrown(write) === 'ERR_STRIDE_POISONED')
  const sync = failed.find(
    ({ name, path }) => (name === 'sync' || name === 'syncAsync') && isOwnFile(path, subject.path),
  )
  if (isPoisoned) {
    for (const name of ['commit', 'compact', 'transaction'] as const) await stillPoisoned(store, name)
    const { records } = expected.versions[subject.acknowledged] as Version
    expectState('a poisoned store', stateOf(store), [records])
    return true
  }
  const answers = writesOf(store).map(([name, write]) => `${name} ${codeThrown(write)}`)
  if (answers.some(answer => answer.endsWith('POISONED')))
    throw new Violation(`poisoned for some calls only: ${answers.join(', ')}`)
  if (sync !== undefined)
    throw new Violation(
      `${sync.name} of ${sync.path} failed and the store is not poisoned: ${answers.join(', ')}`,
    )
  const found = stateOf(store)
  expectState('the store', found, [expected.records, ...subject.alternatives])
  expected.records = found
  if (expected.hasStaged) {
    subject.begun = expected.commit('again')
    await during('committing again', () => store.commit())
    subject.acknowledged = subject.begun
  }
  for (const name of subject.failedCalls.splice(0)) {
    const before = subject.errors.length
    await subject.call(name)
    const error = subject.errors[before]
    // A disk that fails for ever keeps the target of a backup from being taken back too.
    const isLeft = name === 'backup' && error instanceof StrideError && error.code === 'ERR_STRIDE_EXISTS'
    // But for a full disk, indexes are kept no more after a failure, until the store is opened again; one that was to go is gone.
    const isOver =
      (name === 'createIndex' && error instanceof StrideError && error.code !== 'ERR_STRIDE_NO_SPACE') ||
      (name === 'dropIndex' && (error instanceof StrideError || error instanceof RangeError))
    if (error !== undefined && !(isLeft && isSticky) && !isOver)
      throw new Violation(`${name} fails again: ${error instanceof Error ? error.stack : error}`)
  }
  const records = [...expected.records]
  await during('going on', () => goOn(store, records, SHAPES[subject.shape].fillBytes))
  expected.records = records
  subject.acknowledged = subject.begun = expected.commit('gone on')
  return false
}

/** Writes that change nothing where they are allowed. */
function writesOf(store: StoreUnderTest): readonly (readonly [name: string, write: () => unknown])[] {
  return [
    ['delete', () => store.delete(2 ** 40)],
    ['append', () => (store as unknown as { append(record: unknown): number }).append({})],
    ['appendMany', () => store.appendMany([])],
    ['update', () => store.update(2 ** 40, {})],
    ['put', () => (store as unknown as { put(n: number, record: unknown): void }).put(2 ** 40, {})],
  ]
}

async function stillPoisoned(store: StoreUnderTest, name: 'commit' | 'compact' | 'transaction'): Promise<void> {
  try {
    if (name === 'transaction') await store.transaction(() => 0)
    else await store[name]()
  } catch (error) {
    if (error instanceof StrideError && error.code === 'ERR_STRIDE_POISONED') return
    throw error
  }
  throw new Violation(`${name} of a poisoned store succeeded`)
}

function codeThrown(call: () => unknown): string {
  try {
    call()
    return 'nothing'
  } catch (error) {
    return error instanceof StrideError ? error.code : String(error)
  }
}

function isOwnFile(path: string, store: string): boolean {
  return path === store || path === `${store}-journal`
}

function closeWhatever(subject: Subject, mayFail: boolean): void {
  const { store } = subject
  try {
    store.close()
  } catch (error) {
    if (!mayFail || !(error instanceof StrideError)) throw error
  }
  store.close()
}

/** What is open so long after close() stays open. */
const LEAK_MS = 20_000

async function noLeaks(faults: Faults): Promise<void> {
  // A call in the thread pool is waited for, however long that takes; without one a few turns are enough.
  const deadline = new Deadline(LEAK_MS)
  for (let turn = 0; faults.openFiles.size > 0 && (turn < 50 || !deadline.isOver); turn++) await nextTurn()
  if (faults.openFiles.size > 0)
    throw new Violation(`still open after close(): ${[...faults.openFiles].join(', ')}`)
}

/** A file whose removal failed is left for the next writer. */
function noLeftovers(place: Place, failed: readonly Call[]): void {
  const kept = failed.flatMap(({ name, path }) => (name === 'remove' ? [basename(path)] : []))
  const left = place.names().filter(name => name.includes('-new-') && !kept.includes(basename(name)))
  if (left.length > 0) throw new Violation(`left behind: ${left.join(', ')}`)
}

async function reopen(place: Place, subject: Subject): Promise<void> {
  const { expected, acknowledged, begun, shape } = subject
  const store = openUnderTest(
    place.platform,
    place.path,
    shape,
    optionsOf({ shape, reuseNumbers: false, durability: 'full' }),
  )
  const allowed = expected.versions.slice(acknowledged, begun + 1).map(({ records }) => records)
  const found = stateOf(store)
  expectState('the reopened store', found, allowed)
  const { hasLateIndex: isThere } = subject
  if (isThere !== undefined && hasLateIndex(store) !== isThere)
    throw new Violation(isThere ? 'an index that was created is gone' : 'an index that is gone is there')
  await verifyClean(store)
  goOn(store, found, SHAPES[shape].fillBytes)
  store.close()
}

type State = readonly (Rec | undefined)[]

function expectState(what: string, found: State, allowed: readonly State[]): void {
  if (allowed.some(state => isSameState(found, state))) return
  const differences = allowed.map(state => differenceOf(found, state))
  throw new Violation(`${what} holds none of ${allowed.length} allowed states: ${differences.join(' | ')}`)
}
