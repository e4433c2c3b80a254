/**
 * What has a worker thread mapped, written down so that another thread can take it away after the thread's end.
 *
 * A thread that is terminated runs no more JavaScript, and nothing unmaps what it has mapped: the process keeps it. So each
 * worker thread writes its ranges into a ledger, memory that all threads of the process find by its name in /proc/self/maps.
 *   TL1  a ledger is never unmapped, so that it can be read at any time. Its owner is one word, the thread's id in Node, which
 *        is never given again, and its id in the kernel; it changes by compare-and-exchange alone. A free one is taken again.
 *   TL2  a range is taken away only when its thread is certainly gone: its parent saw the end of the worker, or the kernel
 *        knows no thread of that id any more. Calls in Node's thread pool are over then, since Node waits for them.
 *   TL3  an entry is deleted before its range is unmapped: whoever is stopped in between leaves a range, and never an entry for
 *        addresses that belong to other memory.
 *   TL4  a range whose buffer a user has had may have been moved to a thread that lives: zeros are laid there. Others are unmapped.
 * When that is done: where a thread begins to map, and where a worker ends whose parent has loaded this library. Linux alone has
 * /proc; what other systems keep: docs/concurrency.md, Worker threads that end.
 */

import * as fs from 'node:fs'
import { isMainThread, threadId } from 'node:worker_threads'
import { removeAbandonedObjects } from './shared-names.ts'
import type { SystemCalls } from './system-calls.ts'

/** The number changes with the shape of a ledger; two versions of the library in one process keep apart. */
const NAME = 'stridedb-ledger-1'
const LINE = new RegExp(`^([0-9a-f]+)-[0-9a-f]+ rw-s .*/memfd:${NAME} `, 'gm')
const LEDGER_BYTES = 1024 * 1024
/** Words 0: the owner; pairs of an address and bytes from here on. */
const FIRST_ENTRY = 2
const NOBODY = 0n
/** In the lowest bits of the bytes, which are whole pages. */
const LENT = 1n
const SHARED = 2n
const KINDS = LENT | SHARED

/** The entry of a range; none where the thread keeps no ledger. */
export type LedgerEntry = number | undefined

export class ThreadLedger {
  readonly #words: BigInt64Array
  readonly #free: number[] = []
  #next = FIRST_ENTRY

  private constructor(words: BigInt64Array) {
    this.#words = words
  }

  /** Takes a free ledger for this thread, or makes one. @returns undefined where the system lets it not */
  static take(calls: SystemCalls): ThreadLedger | undefined {
    const own = ownerWord()
    if (own === undefined) return undefined
    for (const words of ledgers(calls)) {
      if (Atomics.compareExchange(words, 0, NOBODY, own) === NOBODY) return new ThreadLedger(words)
    }
    const words = newLedger(calls)
    if (words === undefined) return undefined
    // Another thread may have found the new one already.
    return Atomics.compareExchange(words, 0, NOBODY, own) === NOBODY
      ? new ThreadLedger(words)
      : ThreadLedger.take(calls)
  }

  add(address: number, bytes: number): LedgerEntry {
    return this.#add(address, BigInt(bytes))
  }
  /** This thread has an object of shared memory open. */
  addShared(): LedgerEntry {
    return this.#add(1, SHARED)
  }
  /** From now on code outside the library may have the buffer. */
  lend(entry: LedgerEntry): void {
    if (entry !== undefined) Atomics.or(this.#words, entry + 1, LENT)
  }
  /** Before the range is unmapped, or given up for ever (TL3). */
  remove(entry: LedgerEntry): void {
    if (entry === undefined) return
    Atomics.store(this.#words, entry, 0n)
    this.#free.push(entry)
  }

  /** The address comes last: without it the entry is none. */
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
 * Takes away what threads that are gone have left mapped.
 * @param ended Node's id of a thread that has ended, if that is known
 */
export function releaseLeftovers(calls: SystemCalls, ended?: number): void {
  const own = ownerWord()
  let hadShared = false
  if (own === undefined) return
  for (const words of ledgers(calls)) {
    const owner = Atomics.load(words, 0)
    if (owner === NOBODY || owner === own || !isGone(owner, ended)) continue
    // Whoever dies in the middle of this is gone, too, and the next one goes on.
    if (Atomics.compareExchange(words, 0, owner, own) !== owner) continue
    for (let entry = FIRST_ENTRY; entry + 1 < words.length; entry += 2) {
      const value = Atomics.load(words, entry + 1)
      // Never used, and so is none behind it.
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

/** Where this thread writes down what it maps; the main thread, whose end is the process's, does not. */
export function ownLedger(calls: SystemCalls): ThreadLedger | undefined {
  if (!isBegun && calls.abi.system === 'linux') {
    isBegun = true
    releaseLeftovers(calls)
    if (!isMainThread) ledgerOfThread = ThreadLedger.take(calls)
  }
  return ledgerOfThread
}

/** Whether any thread of this process has kept a ledger: asked without koffi. */
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

/** Node's id of this thread above 32 bits of the kernel's; undefined where /proc does not tell. */
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
    // Nothing else says that there is no such thread: not a refusal by Node's permission model.
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
