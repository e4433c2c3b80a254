/**
 * The same loops in C (c/baseline.c): the limit of the machine, as a side like any other.
 *
 * A shared object, called in the process that measures, so that it is warmed and timed as every side is (measure.ts) and reads
 * the same numbers. What a side of the library allocates for its answer, its C twin gets newly allocated as well. Built with gcc
 * into bench/build, which git ignores; without gcc the rows lack that side and say so.
 */

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { dataOffsetOf } from './baseline.ts'

const SOURCE = join(import.meta.dirname, 'c', 'baseline.c')
const LIBRARY = join(import.meta.dirname, 'build', 'baseline.so')

/** Compiles the baseline if need be. @returns why there is none, or undefined */
export function buildCBaseline(): string | undefined {
  if (existsSync(LIBRARY) && statSync(LIBRARY).mtimeMs >= statSync(SOURCE).mtimeMs) return undefined
  mkdirSync(join(import.meta.dirname, 'build'), { recursive: true })
  const options = ['-O2', '-std=c11', '-Wall', '-Wextra', '-fPIC', '-shared']
  const gcc = spawnSync('gcc', [...options, '-o', LIBRARY, SOURCE], { encoding: 'utf8' })
  if (gcc.status === 0) return undefined
  return gcc.error === undefined
    ? `gcc failed: ${gcc.stderr.trim()}`
    : `gcc does not start: ${gcc.error.message}`
}

type Address = bigint

interface Calls {
  readonly mapFile: (path: string, length: BigUint64Array) => Address
  readonly unmapFile: (file: Address, length: bigint) => number
  readonly field: (a: Address, b: Address, numbers: Uint32Array, count: number) => number
  readonly gather: (file: Address, at: number, numbers: Uint32Array, count: number, out: Float64Array) => void
  readonly column: (file: Address, at: number, count: number, out: Float64Array) => void
  readonly sum: (file: Address, at: number, count: number) => number
  readonly scan: (file: Address, count: number) => number
  readonly buildTable: (file: Address, records: number, table: Uint32Array, size: number) => void
  readonly hash: (
    file: Address,
    table: Uint32Array,
    size: number,
    keys: Uint32Array,
    count: number,
    out: Float64Array,
  ) => void
}

let loaded: Calls | undefined

function calls(): Calls {
  if (loaded !== undefined) return loaded
  const library = createRequire(import.meta.url)('koffi').load(LIBRARY)
  loaded = {
    mapFile: library.func('uint64_t map_file(const char *path, void *length)'),
    unmapFile: library.func('int unmap_file(uint64_t base, uint64_t length)'),
    field: library.func('double field(uint64_t a, uint64_t b, void *numbers, uint64_t count)'),
    gather: library.func('void gather(uint64_t file, uint64_t at, void *numbers, uint64_t count, void *out)'),
    column: library.func('void column(uint64_t file, uint64_t at, uint64_t count, void *out)'),
    sum: library.func('double sum(uint64_t file, uint64_t at, uint64_t count)'),
    scan: library.func('double scan(uint64_t file, uint64_t count)'),
    buildTable: library.func('void build_table(uint64_t file, uint64_t records, void *table, uint64_t size)'),
    hash: library.func(
      'void hash(uint64_t file, void *table, uint64_t size, void *keys, uint64_t count, void *out)',
    ),
  }
  return loaded
}

/** The records of a store, mapped by C. */
export class CFile {
  readonly #base: Address
  readonly #length: bigint
  readonly #records: Address

  private constructor(path: string) {
    const length = new BigUint64Array(1)
    this.#base = BigInt(calls().mapFile(path, length))
    if (this.#base === 0n) throw new Error(`C cannot map ${path}`)
    this.#length = length[0] as bigint
    this.#records = this.#base + BigInt(dataOffsetOf(path))
  }

  /** None where the baseline could not be built: its rows lack that side. */
  static open(path: string): CFile | undefined {
    return existsSync(LIBRARY) ? new CFile(path) : undefined
  }

  /** Three fields in turn of this file and another in turn. */
  fields(other: CFile, numbers: Uint32Array, count: number): number {
    return calls().field(this.#records, other.#records, numbers, count)
  }

  /** The double at byte `at` of the records that are numbered. */
  gather(at: number, numbers: Uint32Array): Float64Array {
    const out = new Float64Array(numbers.length)
    calls().gather(this.#records, at, numbers, numbers.length, out)
    return out
  }

  column(at: number, count: number): Float64Array {
    const out = new Float64Array(count)
    calls().column(this.#records, at, count, out)
    return out
  }

  /** The sum of the doubles at byte `at` of all records. */
  sum(at: number, count: number): number {
    return calls().sum(this.#records, at, count)
  }

  /** The sum of the quantities where the price is above PRICE_LIMIT. */
  scan(count: number): number {
    return calls().scan(this.#records, count)
  }

  /** A hash table over the first u32 of each record. @returns the record numbers of keys, -1 for none */
  table(records: number): (keys: Uint32Array) => Float64Array {
    const places = new Uint32Array(2 ** Math.ceil(Math.log2(records * 2)))
    calls().buildTable(this.#records, records, places, places.length)
    return keys => {
      const out = new Float64Array(keys.length)
      calls().hash(this.#records, places, places.length, keys, keys.length, out)
      return out
    }
  }

  /** A page that is mapped cannot be evicted from memory. */
  [Symbol.dispose](): void {
    calls().unmapFile(this.#base, this.#length)
  }
}
