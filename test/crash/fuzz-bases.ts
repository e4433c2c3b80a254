/**
 * The whole stores that a fuzzing run damages, and what each byte of their files is for.
 *
 * All hold a numbered history, so that any commit number says what the store must hold. Each is as one process left it:
 * closed, or died with a journal in use.
 */

import { offsetOf } from '../../src/engine/format/addressing.ts'
import { packDefinitions } from '../../src/engine/format/definitions-bytes.ts'
import { readIdentity } from '../../src/engine/format/identity.ts'
import { BLOCK_BYTES, FRAME_HEADER, JOURNAL_HEADER } from '../../src/engine/format/journal-format.ts'
import { fileEnd, pageOf, type Root, readRoot } from '../../src/engine/format/root.ts'
import { CHECKSUM_BYTES } from '../../src/engine/format/side-table-sizes.ts'
import { IDENTITY, LAYOUT_OFFSET, ROOT, ROOT_OFFSETS } from '../../src/engine/format/store-format.ts'
import { frameEnd, readFrame } from '../../src/engine/journal/frame-read.ts'
import { createSimulatedPlatform } from '../../src/mmap/simulated/simulated-platform.ts'
import { carryOut } from './apply-change.ts'
import { NumberedHistory } from './numbered-history.ts'
import { STORE_PATH } from './run-workload.ts'
import { openUnderTest, SHAPES, type StoreUnderTest, type UnderTestOptions } from './store-under-test.ts'

export const JOURNAL_PATH = `${STORE_PATH}-journal`

/** What some bytes of a file are; what is no part lies between parts, and means nothing. */
export type Part =
  | { readonly kind: 'identity' | 'layout' | 'journal header'; readonly from: number; readonly to: number }
  | { readonly kind: 'newest root' | 'other root'; readonly from: number; readonly to: number }
  | {
      readonly kind: 'record' | 'record checksum'
      readonly from: number
      readonly to: number
      readonly n: number
    }
  /** Eight of them; `n` is the first. */
  | { readonly kind: 'live bits'; readonly from: number; readonly to: number; readonly n: number }
  | {
      readonly kind: 'frame'
      readonly from: number
      readonly to: number
      readonly commitNumber: number
      readonly syncedCommit: number
      /** Whether the journal's reader must go through it: it lies in the root's segment or a later one. */
      readonly counts: boolean
    }

export interface Base {
  readonly name: string
  readonly files: ReadonlyMap<string, Uint8Array>
  /** By path, from the first byte to the last. */
  readonly parts: ReadonlyMap<string, readonly Part[]>
  readonly root: Root
  readonly recordSize: number
  /** Bytes that the store's file must have. */
  readonly end: number
  readonly history: NumberedHistory
  /** The commit whose state it holds. */
  readonly newest: number
  readonly hasChecksums: boolean
}

interface Making {
  readonly name: string
  readonly commits: number
  /** After which of them there is a checkpoint. */
  readonly checkpoints: readonly number[]
  readonly leave: 'closed' | 'crashed' | 'ended'
  readonly options?: UnderTestOptions
}

const MAKINGS: readonly Making[] = [
  { name: 'closed', commits: 14, checkpoints: [], leave: 'closed' },
  { name: 'crashed', commits: 9, checkpoints: [4], leave: 'crashed' },
  { name: 'crashed at first', commits: 3, checkpoints: [], leave: 'crashed' },
  { name: 'crashed in a journal gone round', commits: 40, checkpoints: [], leave: 'crashed' },
  { name: 'closed but for its journal', commits: 6, checkpoints: [], leave: 'ended' },
  { name: 'with checksums', commits: 10, checkpoints: [], leave: 'closed', options: { checksums: true } },
]

/** Room for all records of the history: small files, which take less time to copy. */
const CAPACITY = 160

export async function makeBases(seed: number): Promise<readonly Base[]> {
  const bases: Base[] = []
  for (const making of MAKINGS) bases.push(await makeBase(making, seed))
  return bases
}

async function makeBase({ name, commits, checkpoints, leave, options }: Making, seed: number): Promise<Base> {
  const history = new NumberedHistory(seed)
  const platform = createSimulatedPlatform()
  const all = { capacity: CAPACITY, reuseNumbers: true, ...options }
  const store = openUnderTest(platform, STORE_PATH, 'small', all)
  for (let k = 1; k <= commits; ) {
    // One by one, and in groups that share a sync.
    const upTo = Math.min(commits, k % 3 === 0 ? k + 2 : k)
    const group: Promise<number>[] = []
    for (; k <= upTo; k++) {
      stage(store, history, k)
      group.push(store.commit())
    }
    await Promise.all(group)
    if (checkpoints.some(commit => commit < k && commit >= k - group.length)) await store.checkpoint()
  }
  let files = platform.files()
  const journal = files.get(JOURNAL_PATH)
  store.close()
  if (leave !== 'crashed') files = platform.files()
  if (leave === 'ended' && journal !== undefined) files.set(JOURNAL_PATH, journal)
  for (const path of files.keys()) if (path.endsWith('-lock')) files.delete(path)
  return describeFiles(name, files, history, commits, options?.checksums === true)
}

function stage(store: StoreUnderTest, history: NumberedHistory, k: number): void {
  for (const staged of history.changesOf(k)) carryOut(store, staged, SHAPES.small.fillBytes)
}

function describeFiles(
  name: string,
  files: ReadonlyMap<string, Uint8Array>,
  history: NumberedHistory,
  newest: number,
  hasChecksums: boolean,
): Base {
  const file = createSimulatedPlatform({ files }).open(STORE_PATH, { access: 'read', create: 'never' })
  const identity = readIdentity(file)
  const { recordSize } = identity
  const addressing = { dataOffset: identity.dataOffset, stride: recordSize, recordSize }
  const root = readRoot(file, addressing)
  const parts: Part[] = [
    { kind: 'identity', from: 0, to: IDENTITY.size },
    ...ROOT_OFFSETS.map((from): Part => {
      const kind = from === pageOf(root.rootNumber) ? 'newest root' : 'other root'
      // With the definitions of indexes behind it.
      return { kind, from, to: from + ROOT.size + packDefinitions(root.definitions).length }
    }),
    {
      kind: 'layout',
      from: LAYOUT_OFFSET,
      to: LAYOUT_OFFSET + Buffer.byteLength(identity.canonicalLayout),
    },
  ]
  for (let n = 0; n < root.size; n++) {
    const from = offsetOf(addressing, n)
    parts.push({ kind: 'record', from, to: from + recordSize, n })
  }
  for (let n = 0; root.liveBitsOffset > 0 && n < root.capacity; n += 8) {
    const from = root.liveBitsOffset + n / 8
    parts.push({ kind: 'live bits', from, to: from + 1, n })
  }
  for (let n = 0; root.checksumsOffset > 0 && n < root.size; n++) {
    const from = root.checksumsOffset + n * CHECKSUM_BYTES
    parts.push({ kind: 'record checksum', from, to: from + CHECKSUM_BYTES, n })
  }
  const byPath = new Map([[STORE_PATH, parts]])
  const journal = files.get(JOURNAL_PATH)
  if (journal !== undefined) byPath.set(JOURNAL_PATH, journalParts(Buffer.from(journal), root))
  return {
    name,
    files,
    parts: byPath,
    root,
    recordSize,
    end: fileEnd(addressing, root),
    history,
    newest,
    hasChecksums,
  }
}

function journalParts(bytes: Buffer, root: Root): Part[] {
  const salt = Buffer.from(JOURNAL_HEADER.decode(bytes).salt)
  const parts: Part[] = [{ kind: 'journal header', from: 0, to: JOURNAL_HEADER.size }]
  for (let at = BLOCK_BYTES; at < bytes.length; ) {
    const head = readFrame(bytes, at, salt)
    if (head === undefined) {
      at = (Math.floor(at / BLOCK_BYTES) + 1) * BLOCK_BYTES
      continue
    }
    const { commitNumber, syncedCommit, segment, payloadBytes } = head
    const to = at + FRAME_HEADER.size + payloadBytes
    const counts = root.journalSegment > 0 && segment >= root.journalSegment
    parts.push({ kind: 'frame', from: at, to, commitNumber, syncedCommit, counts })
    at = frameEnd(at, head)
  }
  return parts
}
