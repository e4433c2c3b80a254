/**
 * Where does the time of one commitSync go?
 *
 * The calls of node:fs that a commit makes are timed from outside, by file: no clock runs inside the engine. What is
 * left is encoding the frame, its checksum and bookkeeping. A probe: it judges nothing.
 */

import fs, { copyFileSync, readlinkSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { openStore, type Store } from 'stridedb'
import { type Benchmark, type Context, fixturePath, recordCount, sized } from './context.ts'
import { randomNumbers } from './random.ts'
import { figuresOf, type Row } from './row.ts'
import { Trade } from './trade.ts'

const PARTS = [
  'commitSync',
  'update: staging the change',
  'write of the journal',
  'fdatasync of the journal',
  'write of the file (apply)',
  'other calls of node:fs',
  'the rest: frame, checksum, bookkeeping',
] as const
type Part = (typeof PARTS)[number]

export const commitParts: Benchmark = {
  name: 'commit-parts',
  question: 'where the time of one commitSync goes',
  needs: ['distinct'],
  isSlow: true,
  async *run(context) {
    yield parts(context)
  },
}

function parts(context: Context): Row {
  const path = join(context.folder, 'commit-parts.stride')
  copyFileSync(fixturePath(context, 'distinct'), path)
  const watch = new Watch(path)
  using store = openStore(path, Trade)
  const numbers = randomNumbers(context.seed, sized(context, 4_000, 20), recordCount(context))
  const warmups = sized(context, 1_000, 5)
  const samples = new Map<Part, number[]>(PARTS.map(part => [part, []]))
  for (let i = 0; i < numbers.length; i++) {
    // The first commit made the journal, whose descriptors were others.
    if (i === 1) watch.forgetFiles()
    const spent = commitOne(store, watch, numbers[i] as number, i)
    if (i < warmups) continue
    for (const [part, ms] of spent) samples.get(part)?.push(ms)
  }
  watch.end()
  return {
    what: 'parts of one commitSync, medians of each part',
    cache: 'warm',
    sides: PARTS.map(part => figuresOf(part, samples.get(part) ?? [])).filter(side => side.nsPerOperation > 0),
    targets: [],
    notes: ['the clock itself is in each call: about 0.1 us'],
  }
}

function commitOne(store: Store<typeof Trade>, watch: Watch, n: number, i: number): Map<Part, number> {
  watch.spent.clear()
  const began = performance.now()
  store.update(n, { price: i, qty: i })
  const staged = performance.now()
  store.commitSync()
  const committed = performance.now()
  const inCalls = [...watch.spent.values()].reduce((sum, ms) => sum + ms, 0)
  return new Map<Part, number>([
    ['commitSync', committed - staged],
    ['update: staging the change', staged - began],
    ['write of the journal', watch.spent.get('write journal') ?? 0],
    ['fdatasync of the journal', watch.spent.get('sync journal') ?? 0],
    ['write of the file (apply)', watch.spent.get('write file') ?? 0],
    ['other calls of node:fs', (watch.spent.get('sync file') ?? 0) + (watch.spent.get('other') ?? 0)],
    ['the rest: frame, checksum, bookkeeping', committed - staged - inCalls],
  ])
}

/** Times what the library asks of node:fs. */
class Watch {
  readonly spent = new Map<string, number>()
  readonly #kinds = new Map<number, string>()
  readonly #path: string
  readonly #writeSync = fs.writeSync
  readonly #fdatasyncSync = fs.fdatasyncSync

  constructor(path: string) {
    this.#path = path
    fs.writeSync = this.#timed('write', this.#writeSync) as typeof fs.writeSync
    fs.fdatasyncSync = this.#timed('sync', this.#fdatasyncSync)
    // The library imported the names; its bindings follow.
    syncBuiltinESMExports()
  }

  forgetFiles(): void {
    this.#kinds.clear()
  }

  end(): void {
    fs.writeSync = this.#writeSync
    fs.fdatasyncSync = this.#fdatasyncSync
    syncBuiltinESMExports()
  }

  #timed<A extends readonly unknown[], R>(
    what: string,
    call: (fd: number, ...rest: A) => R,
  ): (fd: number, ...rest: A) => R {
    return (fd, ...rest) => {
      const began = performance.now()
      try {
        return call(fd, ...rest)
      } finally {
        const ms = performance.now() - began
        const kind = this.#kindOf(fd)
        const part = kind === 'other' ? 'other' : `${what} ${kind}`
        this.spent.set(part, (this.spent.get(part) ?? 0) + ms)
      }
    }
  }

  #kindOf(fd: number): string {
    const known = this.#kinds.get(fd)
    if (known !== undefined) return known
    const kind = kindOfPath(readlinkSync(`/proc/self/fd/${fd}`), this.#path)
    this.#kinds.set(fd, kind)
    return kind
  }
}

function kindOfPath(of: string, path: string): string {
  if (of === path) return 'file'
  return of === `${path}-journal` ? 'journal' : 'other'
}
