/**
 * How do pieces of changed bytes get into a mapped file? The ways that the applier has, and those that it was built without.
 *
 *   npx tsx bench/apply-ways.ts [<rounds>]
 *
 * A file of 125 MB, written in calls of 64 KiB as a store writes it; pieces of 12 bytes at random records of 125 bytes, in order.
 * In each round every way stores its own random pieces after a sync, and a sync follows. Printed are medians: wall clock and
 * processor time of the stores, the latter also as a ratio to the first way, since it depends less on other work of the machine; the
 * time of the sync; and what the kernel counts as written (whole folios). Which of the ways the applier takes:
 * engine/data-file/store-batch.ts. Not one of `npm run bench`.
 */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DirtyRanges } from '../src/engine/data-file/dirty-ranges.ts'
import { StoreBatch } from '../src/engine/data-file/store-batch.ts'
import { Pieces } from '../src/mmap/pieces.ts'
import { STORE_BLOCK_BYTES } from '../src/mmap/platform.ts'
import { thisSystem } from '../src/mmap/this-system.ts'
import { createWindowPool } from '../src/mmap/window-pool/create-window-pool.ts'
import { describeMachine, renderMachine } from './machine.ts'
import { median } from './quantile.ts'
import { randomNumbers } from './random.ts'

const RECORD_BYTES = 125
const PIECE_BYTES = 12
const RECORDS = 1_000_000
const FILE_BYTES = RECORDS * RECORD_BYTES
const CALL_BYTES = 64 * 1024
/** Most pieces of one gathering call (UIO_MAXIOV). */
const VECTOR_MAX = 1024
const LOADS = { dense: 100_000, sparse: 1000 }
const rounds = Number(process.argv[2] ?? 5)

const folder = mkdtempSync(join(tmpdir(), 'stridedb-apply-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const { system } = thisSystem()
if (system === undefined) throw new Error('Nothing is mapped here')
const file = system.createPlatform().open(join(folder, 'a.bin'), { access: 'readwrite', create: 'always' })
const zeros = new Uint8Array(CALL_BYTES).fill(1)
for (let at = 0; at < FILE_BYTES; at += CALL_BYTES)
  file.store(zeros.subarray(0, Math.min(CALL_BYTES, FILE_BYTES - at)), at)
const pool = createWindowPool(file, {
  windowBytes: 2 ** 30,
  mappedBytesMax: Number.POSITIVE_INFINITY,
  itemBytesMax: RECORD_BYTES,
  advice: 'normal',
})
pool.setEnd(FILE_BYTES)
const stores = file.storeWindow(Number.POSITIVE_INFINITY)
const heap = Buffer.alloc(PIECE_BYTES * LOADS.dense, 2)
const source = { view: new DataView(heap.buffer, heap.byteOffset, heap.length), bytes: heap }

/** Hands each piece on: its place in `heap`, and its offset in the file. */
function each(numbers: Uint32Array, store: (at: number, offset: number) => void): void {
  for (let i = 0; i < numbers.length; i++) store(i * PIECE_BYTES, (numbers[i] as number) * RECORD_BYTES + 4)
}

/** The applier's batch, which thinks so of the window for stores. */
const batchOf = (piecesFrom: number): ((numbers: Uint32Array) => void) => {
  const shown = new Proxy(pool, {
    get: (target, name) => {
      if (name === 'piecesFrom') return piecesFrom
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  return numbers => {
    const batch = new StoreBatch(shown, new DirtyRanges())
    each(numbers, (at, offset) => batch.add(source, at, PIECE_BYTES, offset))
    batch.flush()
  }
}

/** Pieces of one block at a time through the window, whether that is cheap or not. */
function throughWindow(numbers: Uint32Array): void {
  const pieces = new Pieces()
  let block = -1
  each(numbers, (at, offset) => {
    const next = Math.floor(offset / STORE_BLOCK_BYTES)
    if (next !== block || pieces.isFull) {
      stores?.store(pieces)
      pieces.clear()
      block = next
    }
    pieces.add(source, at, PIECE_BYTES, offset)
  })
  stores?.store(pieces)
}

const WAYS: Readonly<Record<string, (numbers: Uint32Array) => void>> = {
  'pwrite, a call a piece': numbers =>
    each(numbers, (at, offset) => file.store(heap.subarray(at, at + PIECE_BYTES), offset)),
  'pwrite, gaps up to 3 KiB filled': batchOf(Number.POSITIVE_INFINITY),
  ...gathering(),
  'window for stores': throughWindow,
  'as the applier chooses': batchOf(pool.piecesFrom),
}

/** Calls that take many pieces each, straight through koffi. */
function gathering(): Record<string, (numbers: Uint32Array) => void> {
  if (process.platform !== 'linux') return {}
  const koffi = createRequire(import.meta.url)('koffi')
  const libc = koffi.load(null)
  const types = 'uintptr_t address, size_t length, int protection, int flags, int fd, int64_t offset'
  const mmap = libc.func(`uintptr_t mmap(${types})`)
  const writev = libc.func(
    'int64_t process_vm_writev(int pid, void *l, ulong ln, void *r, ulong rn, ulong flags)',
  )
  const pwritev2 = libc.func(
    'int64_t pwritev2(int fd, void *vector, int count, int64_t low, int64_t high, int flags)',
  )
  const { fd } = file as unknown as { fd: number }
  const mapped: number = mmap(0, FILE_BYTES, 3, 1, fd, 0)
  const bytes = Number(koffi.address(heap))
  const vector = new BigUint64Array(2 * VECTOR_MAX)
  const from = new BigUint64Array(2)
  const check = (wrote: number | bigint, length: number): void => {
    if (Number(wrote) !== length) throw new Error(`${wrote} bytes of ${length}: errno ${koffi.errno()}`)
  }
  const put = (i: number, address: number, length: number): void => {
    vector[2 * i] = BigInt(address)
    vector[2 * i + 1] = BigInt(length)
  }
  return {
    'pwritev2, gaps up to 3 KiB from the mapping': numbers => {
      let start = 0
      let end = -Infinity
      let count = 0
      const flush = (): void => {
        if (count > 0) check(pwritev2(fd, vector, count, start, 0, 0), end - start)
        count = 0
      }
      each(numbers, (at, offset) => {
        const gap = offset - end
        if (gap > 3072 || count + 2 > VECTOR_MAX) {
          flush()
          start = offset
        } else if (gap > 0) put(count++, mapped + end, gap)
        put(count++, bytes + at, PIECE_BYTES)
        end = offset + PIECE_BYTES
      })
      flush()
    },
    'process_vm_writev, 1,024 pieces a call': numbers => {
      let first = 0
      let count = 0
      const flush = (): void => {
        from[0] = BigInt(bytes + first)
        from[1] = BigInt(count * PIECE_BYTES)
        check(writev(process.pid, from, 1, vector, count, 0), count * PIECE_BYTES)
        count = 0
      }
      each(numbers, (at, offset) => {
        if (count === 0) first = at
        put(count++, mapped + offset, PIECE_BYTES)
        if (count === VECTOR_MAX) flush()
      })
      if (count > 0) flush()
    },
  }
}

const writtenBytes = (): number =>
  process.platform === 'linux'
    ? Number(/write_bytes: (\d+)/.exec(readFileSync('/proc/self/io', 'utf8'))?.[1])
    : Number.NaN

type Figures = Record<'store' | 'cpu' | 'sync' | 'mb', number[]>

let seed = 0
for (const [load, count] of Object.entries(LOADS)) {
  const seen = new Map<string, Figures>()
  for (const name of Object.keys(WAYS)) seen.set(name, { store: [], cpu: [], sync: [], mb: [] })
  for (let round = 0; round < rounds; round++) {
    for (const [name, store] of Object.entries(WAYS)) {
      // Each number once, since pieces may not overlap.
      const numbers = Uint32Array.from(new Set(randomNumbers(++seed, count, RECORDS))).sort()
      file.sync()
      const before = writtenBytes()
      const cpuBefore = process.cpuUsage()
      const began = performance.now()
      store(numbers)
      const stored = performance.now()
      const { user, system: kernel } = process.cpuUsage(cpuBefore)
      const written = writtenBytes()
      file.sync()
      const figures = seen.get(name) as Figures
      figures.store.push(stored - began)
      figures.cpu.push((user + kernel) / 1000)
      figures.sync.push(performance.now() - stored)
      figures.mb.push((written - before) / 1e6)
    }
  }
  console.log(`\n${load}: ${count} pieces of ${PIECE_BYTES} bytes, ${rounds} rounds`)
  const first = median([...seen.values()][0]?.cpu ?? [])
  for (const [name, { store, cpu, sync, mb }] of seen) {
    const shown = [store, cpu, sync, mb].map(values => median(values).toFixed(1).padStart(7))
    const ratio = (median(cpu) / first).toFixed(2)
    console.log(
      `${name.padEnd(44)}${shown[0]} ms, cpu ${shown[1]}, ${ratio}; sync ${shown[2]} ms; ${shown[3]} MB`,
    )
  }
}
console.log(`\n${renderMachine(describeMachine(folder))}`)
file.close()
