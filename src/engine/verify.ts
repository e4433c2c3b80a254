/**
 * Verify: everything that can be checked about a store's file, as findings with offsets.
 *
 * Reads only. Works through the records in turns, so that the event loop stays free, and never throws for what is
 * wrong with the file: each thing wrong is a finding.
 */

import { setImmediate as nextTurn } from 'node:timers/promises'
import { type ErrorCode, StrideError } from '../errors.ts'
import { offsetOf } from './addressing.ts'
import { readIdentity } from './header.ts'
import { Liveness } from './liveness.ts'
import { type Root, readRoot, readRootPages } from './root.ts'
import type { StoreFile } from './store-file.ts'

export interface Finding {
  readonly code: ErrorCode
  readonly message: string
  /** Bytes from the start of the file. */
  readonly offset: number
  readonly recordNumber?: number
}

export interface VerifyResult {
  readonly ok: boolean
  readonly findings: readonly Finding[]
  /** Live records that were decoded. */
  readonly recordsChecked: number
}

const FINDINGS_MAX = 1000
const RECORDS_A_TURN = 20_000

export async function verifyStore(storeFile: StoreFile): Promise<VerifyResult> {
  const findings: Finding[] = []
  const note = (error: unknown, offset: number, recordNumber?: number): void => {
    if (!(error instanceof StrideError) || error.code === 'ERR_STRIDE_CLOSED') throw error
    if (findings.length >= FINDINGS_MAX) return
    const place = recordNumber === undefined ? {} : { recordNumber }
    findings.push({ code: error.code, message: error.message, offset: error.offset ?? offset, ...place })
  }
  const { file, addressing } = storeFile
  try {
    readIdentity(file)
  } catch (error) {
    note(error, 0)
  }
  for (const page of readPages(storeFile, note)) {
    if (page.root === undefined) {
      note(new StrideError('ERR_STRIDE_CORRUPT', 'One of the two roots fails its checksum', {}), page.offset)
    }
  }
  let root: Root
  try {
    root = readRoot(file, addressing)
  } catch (error) {
    note(error, 0)
    return { ok: false, findings, recordsChecked: 0 }
  }
  const recordsChecked = await verifyRecords(storeFile, root, note)
  return { ok: findings.length === 0, findings, recordsChecked }
}

type Note = (error: unknown, offset: number, recordNumber?: number) => void

function readPages(storeFile: StoreFile, note: Note): ReturnType<typeof readRootPages> {
  try {
    return readRootPages(storeFile.file)
  } catch (error) {
    note(error, 0)
    return []
  }
}

/** Counts the live bits and decodes each live record. @returns how many were decoded */
async function verifyRecords(storeFile: StoreFile, root: Root, note: Note): Promise<number> {
  const { pool, addressing, codec, file } = storeFile
  const liveness = new Liveness(pool)
  liveness.place(root.liveBitsOffset)
  let live = 0
  for (let n = 0; n < root.size; n++) {
    if (n % RECORDS_A_TURN === RECORDS_A_TURN - 1) await nextTurn()
    const offset = offsetOf(addressing, n)
    try {
      if (liveness.isDeleted(n)) continue
      live++
      const window = pool.acquire(offset, addressing.recordSize, (root.size - n) * addressing.stride)
      try {
        codec.decode(window.view as DataView, window.bytes, offset - window.start)
      } catch (error) {
        note(located(error, offset), offset, n)
      }
    } catch (error) {
      note(error, offset, n)
      return live
    }
  }
  const stray = liveness.nextDeleted(root.size, root.capacity)
  if (stray < root.capacity) {
    const message = `Record ${stray} is marked as deleted but lies beyond the end, ${root.size}`
    note(new StrideError('ERR_STRIDE_CORRUPT', message, { path: file.path }), root.liveBitsOffset, stray)
  }
  const deleted = root.size - live
  if (deleted !== root.deletedCount) {
    const message = `The root counts ${root.deletedCount} deleted records, the live bits ${deleted}`
    note(new StrideError('ERR_STRIDE_CORRUPT', message, { path: file.path }), root.liveBitsOffset)
  }
  return live
}

/** A decoding error says where in the window it was; findings say where in the file. */
function located(error: unknown, offset: number): unknown {
  if (!(error instanceof StrideError)) return error
  return new StrideError(error.code, error.message, { offset, ...(error.field ? { field: error.field } : {}) })
}
