/**
 * Which ranges has a worker thread mapped? A ledger, from which another thread can unmap them after the worker's end.
 *
 * A terminated thread runs no more JavaScript, and its mappings stay in the process. Each worker thread therefore records its ranges in
 * a ledger: memory that all threads of the process find by its name in /proc/self/maps.
 *   TL1  a ledger is never unmapped, so it can be read at any time. Its owner is one word, which changes by compare-and-exchange only:
 *        the thread's id in Node, which is never reused, and its id in the kernel. A free ledger is taken again.
 *   TL2  a range is only unmapped if its thread is certainly gone: the parent saw the worker end, or the kernel has no thread with that
 *        id. Calls in Node's thread pool are finished then, since Node waits for them.
 *   TL3  an entry is deleted before its range is unmapped. A thread that is stopped in between leaves a range mapped, but never an entry
 *        for addresses that belong to other memory.
 *   TL4  a buffer that a user had may have been transferred to a living thread, so its range is replaced by zeros. Others are unmapped.
 * This happens when a thread begins to map, and when a worker ends whose parent has loaded this library. Only Linux has /proc. Other
 * systems: docs/concurrency.md, Worker threads that end.
 */

import * as fs from 'node:fs'
import { isMainThread, threadId } from 'node:worker_threads'
import { removeAbandonedObjects } from './shared-names.ts'
import type { SystemCalls } from './system-calls.ts'

/** The number changes with the shape of a ledger, so that two versions of the library in one process do not share one. */
const NAME = 'stridedb-ledger-1'
const LINE = new RegExp(`^([0-9a-f]+)-[0-9a-f]+ rw-s .*/memfd:${NAME} `, 'gm')
const LEDGER_BYTES = 1024 * 1024
/** Word 0 is the owner. From this word on there are pairs of an address and its bytes. */
const FIRST_ENTRY = 2
const NOBODY = 0n
/** Flags in the lowest bits of the bytes, which are whole pages. */
const LENT = 1n
const SHARED = 2n
const KINDS = LENT | SHARED

/** The entry of a range; undefined if the thread has no ledger. */
export type LedgerEntry = number | undefined

export class ThreadLedger {
  readonly #words: BigInt64Array
  readonly #free: number[] = []
  #next = FIRST_ENTRY

  private constructor(words: BigInt64Array) {
    this.#words = words
  }

  /** Takes a free ledger for this thread, or makes one. @returns undefined if the system does not allow it */
  static take(calls: SystemCalls): ThreadLedger | undefined {
    const own = ownerWord()
    if (own === undefined) return undefined
    for (const words of ledgers(calls)) {
      if (Atomics.compareExchange(words, 0, NOBODY, own) === NOBODY) return new ThreadLedger(words)
    }
    const words = newLedger(calls)
    if (words === undefined) return undefined
    // Another thread may already have found and taken the new ledger.
    return Atomics.compareExchange(words, 0, NOBODY, own) === NOBODY
      ? new ThreadLedger(words)
      : ThreadLedger.take(calls)
  }

  add(address: number, bytes: number): LedgerEntry {
    return this.#add(address, BigInt(bytes))
  }
  /** Records that this thread has an object of shared memory open. */
  addShared(): LedgerEntry {
    return this.#add(1, SHARED)
  }
  /** Records that code outside the library may have the buffer. */
  lend(entry: LedgerEntry): void {
    if (entry !== undefined) Atomics.or(this.#words, entry + 1, LENT)
  }
  /** Called before the range is unmapped, or abandoned for ever (TL3). */
  remove(entry: LedgerEntry): void {
    if (entry === undefined) return
    Atomics.store(this.#words, entry, 0n)
    this.#free.push(entry)
  }

  /** The address is written last. Without it there is no entry. */
  #add(address: number, value: bigint): LedgerEntry {
    const entry = this.#free.pop() ?? this.#next
    if (entry + 1 >= this.#words.length) return undefined
    if (entry === this.#next) this.#next += 2
    Atomics.store(this.#words, entry + 1, value)
    Atomics.store(this.#words, entry, BigInt(address))
    return entry
  }
}

/**
 * Unmaps the ranges of threads that are gone.
 * @param ended Node's id of a thread that has ended, if it is known
 */
export function releaseLeftovers(calls: SystemCalls, ended?: number): void {
  const own = ownerWord()
  let hadShared = false
  if (own === undefined) return
  for (const words of ledgers(calls)) {
    const owner = Atomics.load(words, 0)
    if (owner === NOBODY || owner === own || !isGone(owner, ended)) continue
    // If this thread dies in the middle, the next caller continues.
    if (Atomics.compareExchange(words, 0, owner, own) !== owner) continue
    for (let entry = FIRST_ENTRY; entry + 1 < words.length; entry += 2) {
      const value = Atomics.load(words, entry + 1)
      // This entry was never used, nor were those behind it.
      if (value === 0n) break
      const address = Number(Atomics.exchange(words, entry, 0n))
      if (address === 0) continue
      if ((value & SHARED) !== 0n) hadShared = true
      else takeAway(calls, address, Number(value & ~KINDS), (value & LENT) !== 0n)
    }
    Atomics.store(words, 0, NOBODY)
  }
  if (hadShared) removeAbandonedObjects(calls)
}

let ledgerOfThread: ThreadLedger | undefined
let isBegun = false

/** The ledger of this thread. The main thread has none, since it ends with the process. */
export function ownLedger(calls: SystemCalls): ThreadLedger | undefined {
  if (!isBegun && calls.abi.system === 'linux') {
    isBegun = true
    releaseLeftovers(calls)
    if (!isMainThread) ledgerOfThread = ThreadLedger.take(calls)
  }
  return ledgerOfThread
}

/** Whether any thread of this process has a ledger. Works without koffi. */
export function haveLedgers(): boolean {
  return addresses().length > 0
}

function takeAway(calls: SystemCalls, address: number, bytes: number, isLent: boolean): void {
  if (!isLent) {
    calls.munmap(address, bytes)
    return
  }
  const { MAP_FIXED, MAP_PRIVATE, MAP_ANONYMOUS, MAP_NORESERVE, PROT_READ, PROT_WRITE } = calls.abi
  const flags = MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
  calls.mmap(address, bytes, PROT_READ | PROT_WRITE, flags, -1, 0)
}

/** Node's id of this thread, above 32 bits with the kernel's id; undefined without /proc. */
function ownerWord(): bigint | undefined {
  try {
    const id = /\/task\/(\d+)$/.exec(fs.readlinkSync('/proc/thread-self'))?.[1]
    return id === undefined ? undefined : (BigInt(threadId) << 32n) | BigInt(id)
  } catch {
    return undefined
  }
}

function isGone(owner: bigint, ended: number | undefined): boolean {
  if (ended !== undefined && owner >> 32n === BigInt(ended)) return true
  try {
    fs.statSync(`/proc/self/task/${owner & 0xffffffffn}`)
    return false
  } catch (error) {
    // Only ENOENT means that there is no such thread. A refusal by Node's permission model does not.
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
  }
}

const seen = new Map<number, BigInt64Array>()

function ledgers(calls: SystemCalls): BigInt64Array[] {
  return addresses().map(address => ledgerAt(calls, address))
}

function ledgerAt(calls: SystemCalls, address: number): BigInt64Array {
  const words = seen.get(address) ?? new BigInt64Array(calls.view(address, LEDGER_BYTES))
  seen.set(address, words)
  return words
}

function addresses(): number[] {
  try {
    const maps = fs.readFileSync('/proc/self/maps', 'latin1')
    return [...maps.matchAll(LINE)].map(([, start]) => Number.parseInt(start as string, 16))
  } catch {
    return []
  }
}

function newLedger(calls: SystemCalls): BigInt64Array | undefined {
  const { PROT_READ, PROT_WRITE, MAP_SHARED } = calls.abi
  const fd = calls.memfdCreate(NAME)
  if (fd < 0) return undefined
  const isSized = calls.ftruncate(fd, LEDGER_BYTES) === 0
  const address = isSized ? calls.mmap(0, LEDGER_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : -1
  calls.close(fd)
  return address < 0 ? undefined : ledgerAt(calls, address)
}
