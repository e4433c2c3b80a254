/**
 * Opens one mutant, read-only and for writing, and judges what comes of it.
 *
 *   Z1  whatever the bytes are: a StrideError with a code of the table or an answer; no other error, no hang, and no
 *       memory asked for beyond reason.
 *   Z2  damage to identity, layout, both roots, the journal's header or a frame at or below a commit that is known to
 *       be synced is a coded error; damage to the newest root never shows an older state.
 *   Z3  damage to the last frames, which no later one names as synced, may drop those commits; the records that they
 *       changed may hold what they put into the file before it was damaged.
 *   Z4  damage to record bytes and deletion bits changes the answers of no other records. Where the store has checksums, a
 *       record made of several is refused or found by verify(), and a flipped deletion bit is refused.
 *   Z5  what lies between the parts means nothing.
 * Sealed mutants have right checksums and keep Z1 alone.
 */

import { setImmediate as nextTurn } from 'node:timers/promises'
import { ERROR_CODES, StrideError } from '../../src/errors.ts'
import { createSimulatedPlatform } from '../../src/mmap/simulated/simulated-platform.ts'
import { isSameRecord, isWholeRecord, type Rec } from './expected-store.ts'
import { type Base, JOURNAL_PATH, type Part } from './fuzz-bases.ts'
import type { Mutant } from './fuzz-mutants.ts'
import { STORE_PATH } from './run-workload.ts'
import { openUnderTest, type StoreUnderTest } from './store-under-test.ts'
import { Violation } from './violation.ts'

export interface Answer {
  readonly commitNumber: number
  readonly size: number
  /** By number; 'made of several' where the bytes are not those of one record. Empty where there are too many to read. */
  readonly records: readonly (Rec | 'made of several' | undefined)[]
  readonly findings: readonly string[]
}
/** What opening came to: an answer or a code. */
export type Result = Answer | string

const RECORDS_MAX = 1000
/** Mutants before this one may have left some to be collected. */
const MEMORY_MAX = 512 * 1024 * 1024
const PLAIN_CODES = [
  'ERR_STRIDE_CORRUPT',
  'ERR_STRIDE_TRUNCATED',
  'ERR_STRIDE_NOT_A_STORE',
  'ERR_STRIDE_FORMAT_NEWER',
  'ERR_STRIDE_JOURNAL_MISSING',
]

/** @returns the two results @throws Violation */
export async function tryMutant(mutant: Mutant): Promise<readonly [reader: Result, writer: Result]> {
  const reader = await resultOf('read-only', mutant, true)
  const writer = await resultOf('for writing', mutant, false)
  // Windows end with the turn of the event loop.
  await nextTurn()
  const { arrayBuffers } = mutant.isSealed ? process.memoryUsage() : { arrayBuffers: 0 }
  if (arrayBuffers > MEMORY_MAX) fail(`${arrayBuffers} bytes of memory are in use`)
  if (!mutant.isSealed) {
    const damage = damageOf(mutant)
    judge('read-only', reader, mutant, damage)
    judge('for writing', writer, mutant, damage)
  }
  return [reader, writer]
}

/** What opening, scanning, verifying and closing come to. @throws Violation for what is not coded */
async function resultOf(how: string, mutant: Mutant, readOnly: boolean): Promise<Result> {
  const platform = createSimulatedPlatform({ files: mutant.files })
  let store: StoreUnderTest | undefined
  try {
    store = openUnderTest(platform, STORE_PATH, 'small', { readOnly, ...(readOnly ? {} : { create: false }) })
    const answer = await answerOf(store)
    store.close()
    return answer
  } catch (error) {
    return codeOf(how, error)
  } finally {
    try {
      store?.close()
    } catch (error) {
      codeOf(`closing what was open ${how}`, error)
    }
  }
}

async function answerOf(store: StoreUnderTest): Promise<Answer> {
  const { size, commitNumber } = store
  const records: (Rec | 'made of several' | undefined)[] = []
  if (size > RECORDS_MAX) {
    // A file of any size may be right; its ends must answer.
    for (const n of [0, 1, size - 1, size]) if (store.has(n)) store.get(n)
    return { commitNumber, size, records, findings: [] }
  }
  records.length = size
  records.fill(undefined)
  for (const row of store.scan()) {
    const { lead, stamp, mark } = row
    records[row.number] = isWholeRecord(row.toObject()) ? { lead, stamp, mark } : 'made of several'
  }
  const { findings } = await store.verify()
  for (const { code } of findings) if (!(code in ERROR_CODES)) fail(`verify() found the unknown code ${code}`)
  return { commitNumber, size, records, findings: findings.map(({ code, message }) => `${code} ${message}`) }
}

function codeOf(how: string, error: unknown): string {
  if (error instanceof StrideError && error.code in ERROR_CODES) return error.code
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  // Deep recursions tell the same thing again and again.
  fail(`${how}, not a coded error: ${text.split('\n').slice(0, 9).join('\n')}`)
}

/** What of a base's meaning was changed. */
interface Damage {
  readonly kinds: ReadonlySet<Part['kind']>
  /** Records whose own bytes or live bits are not those of the base. */
  readonly records: ReadonlySet<number>
  readonly frames: readonly (Part & { readonly kind: 'frame' })[]
  readonly isCut: boolean
}

function damageOf({ base, files, path }: Mutant): Damage {
  const parts = base.parts.get(path) as readonly Part[]
  const old = Buffer.from((base.files.get(path) as Uint8Array).buffer)
  const found = files.get(path)
  const bytes =
    found === undefined ? Buffer.alloc(0) : Buffer.from(found.buffer, found.byteOffset, found.length)
  const touched = parts.filter(
    ({ from, to }) => to > bytes.length || old.compare(bytes, from, to, from, to) !== 0,
  )
  const records = new Set<number>()
  for (const part of touched) {
    if (part.kind === 'record') records.add(part.n)
    if (part.kind !== 'live bits') continue
    const bits = (old[part.from] as number) ^ (bytes[part.from] ?? 0)
    for (let bit = 0; bit < 8; bit++) if ((bits >> bit) & 1) records.add(part.n + bit)
  }
  return {
    kinds: new Set(touched.map(({ kind }) => kind)),
    records,
    frames: touched.filter(part => part.kind === 'frame'),
    isCut: path === STORE_PATH && bytes.length < base.end,
  }
}

function judge(how: string, result: Result, { base }: Mutant, damage: Damage): void {
  const { kinds } = damage
  const rootsAreGone = kinds.has('newest root') && kinds.has('other root')
  const mustRefuse =
    kinds.has('identity') ||
    kinds.has('layout') ||
    rootsAreGone ||
    // The other root may do with less.
    (damage.isCut && !kinds.has('newest root')) ||
    (base.root.journalSegment > 0 && kinds.has('journal header'))
  const oldest = oldestAnswer(base, damage)
  if (typeof result === 'string') {
    const mayRefuse =
      mustRefuse ||
      ['newest root', 'journal header', 'frame'].some(kind => kinds.has(kind as Part['kind'])) ||
      // Any of them damaged, the record is refused at its first read.
      (base.hasChecksums &&
        ['record', 'record checksum', 'live bits'].some(kind => kinds.has(kind as Part['kind'])))
    if (!mayRefuse) fail(`${how}: refused with ${result} though nothing that counts is damaged`)
    if (!PLAIN_CODES.includes(result)) fail(`${how}: refused with ${result}, which is not about damage`)
    return
  }
  if (mustRefuse) fail(`${how}: opened with commit ${result.commitNumber} in spite of damage to ${[...kinds]}`)
  if (oldest === undefined)
    fail(`${how}: opened with commit ${result.commitNumber} though a synced frame is damaged`)
  if (result.commitNumber !== oldest)
    fail(`${how}: it holds commit ${result.commitNumber}, and should hold ${oldest} (${base.newest} undamaged)`)
  compare(how, result, base, damage)
}

/**
 * The commit that must be there: the newest, or the one before the first damaged frame.
 * @returns undefined where a whole frame says that a damaged one was synced
 */
function oldestAnswer(base: Base, { frames }: Damage): number | undefined {
  const first = Math.min(...frames.filter(frame => frame.counts).map(frame => frame.commitNumber))
  if (first === Number.POSITIVE_INFINITY) return base.newest
  const { commitNumber } = base.root
  const whole = (base.parts.get(JOURNAL_PATH) as readonly Part[])
    .filter(part => part.kind === 'frame')
    .filter(part => part.counts && !frames.includes(part))
  const isKnown = whole.some(
    part => part.syncedCommit >= first && (first > commitNumber || part.commitNumber > commitNumber),
  )
  return isKnown ? undefined : Math.max(commitNumber, first - 1)
}

function compare(how: string, found: Answer, base: Base, damage: Damage): void {
  const expected = base.history.stateAfter(found.commitNumber)
  if (found.size !== expected.length)
    fail(`${how}: size ${found.size} instead of ${expected.length} at commit ${found.commitNumber}`)
  for (const [n, record] of found.records.entries()) {
    const wanted = expected[n]
    if (!damage.records.has(n) && !mayHold(record, n, found.commitNumber, base))
      fail(`${how}: record ${n} is ${JSON.stringify(record)} instead of ${JSON.stringify(wanted)}`)
  }
  const isUnverified = ['record', 'record checksum', 'live bits'].some(kind =>
    damage.kinds.has(kind as 'record'),
  )
  if (!isUnverified && how === 'for writing' && found.findings.length > 0)
    fail(`${how}: verify() found ${found.findings.join('; ')}`)
  const changed = found.records.includes('made of several')
  if (base.hasChecksums && changed && found.findings.length === 0)
    fail(`${how}: verify() overlooks a record that its checksum does not fit`)
  const flipped = expected.findIndex((wanted, n) => (wanted === undefined) !== (found.records[n] === undefined))
  if (base.hasChecksums && flipped >= 0)
    fail(`${how}: it answers by the flipped deletion bit of record ${flipped}`)
}

/** What the commit put there, or one that was dropped after it. */
function mayHold(
  found: Answer['records'][number],
  n: number,
  commit: number,
  { history, newest }: Base,
): boolean {
  for (let k = commit; k <= newest; k++) {
    const wanted = history.stateAfter(k)[n]
    if (found === wanted) return true
    if (typeof found === 'object' && wanted !== undefined && isSameRecord(found, wanted)) return true
  }
  return false
}

function fail(message: string): never {
  throw new Violation(message)
}
