/**
 * What could go wrong with a record that several processes change: a reader gets parts of two records, a writer that dies half-way
 * leaves parts of two, or what was added to a counter is lost.
 *
 * Every step of a reader and of a writer is tried: writers come between any two words of a read, and a writer dies after each store.
 */

import { afterEach, describe, expect, it, vi } from 'vitest'
import { blockWords, RecordBlocks } from '../../../src/engine/shared-memory/record-blocks.ts'

const WORDS = 70

afterEach(() => void vi.restoreAllMocks())

const record = (value: number): Int32Array => new Int32Array(WORDS).fill(value)
const isWhole = (words: Int32Array): boolean => words.every(word => word === words[0])

function newBlocks(Blocks: typeof RecordBlocks = RecordBlocks, recordWords = WORDS) {
  const words = new Int32Array(new SharedArrayBuffer(blockWords(recordWords) * 4 * 3))
  return { words, blocks: new Blocks(words, blockWords(recordWords), recordWords) }
}

/** An image that calls `interrupt` when its word `n` is written for the first time. */
function interruptedAt(n: number, interrupt: () => void): Int32Array {
  let isDone = false
  const image = new Int32Array(8)
  return new Proxy(image, {
    set(target, key, value) {
      if (Number(key) === n && !isDone) {
        isDone = true
        interrupt()
      }
      target[Number(key)] = value
      return true
    },
    get: (target, key) => (typeof key === 'string' && /^\d+$/.test(key) ? target[Number(key)] : undefined),
  })
}

/** How many reads give parts of two records if so many stores come before each word of a read. */
function tornReads(Blocks: typeof RecordBlocks): number {
  let torn = 0
  for (const stores of [1, 2, 3]) {
    for (let n = 0; n < 8; n++) {
      const { blocks } = newBlocks(Blocks, 8)
      blocks.store(1, new Int32Array(8).fill(100))
      let value = 100
      const into = interruptedAt(n, () => {
        for (let i = 0; i < stores; i++) blocks.store(1, new Int32Array(8).fill(++value))
      })
      const sequence = blocks.tryRead(1, into)
      if (sequence === undefined) continue
      const read = Array.from({ length: 8 }, (_, i) => into[i])
      if (read.some(word => word !== read[0])) torn++
    }
  }
  return torn
}

/** The known-bad twin: it does not look whether the sequence moved. */
class Unchecked extends RecordBlocks {
  override tryRead(number: number, into: Int32Array): number {
    super.tryRead(number, into)
    return 0
  }
}

describe('a record in shared memory', () => {
  it('is read whole, whatever writers do between two words of the read', () => {
    expect(tornReads(RecordBlocks)).toBe(0)
  })

  it('is read torn by a twin without the check of the sequence, and this test notices', () => {
    expect(tornReads(Unchecked)).toBeGreaterThan(10)
  })

  it('is the old or the new one after a writer died, whichever store was its last', () => {
    const store = Atomics.store.bind(Atomics)
    let deaths = 0
    for (let last = 0; ; last++) {
      const { blocks } = newBlocks()
      blocks.store(0, record(1))
      let stores = 0
      const dying = vi.spyOn(Atomics, 'store').mockImplementation(((
        words: Int32Array,
        at: number,
        value: number,
      ) => {
        if (stores++ === last) throw new Error('killed')
        return store(words, at, value)
      }) as typeof Atomics.store)
      let isDead = false
      try {
        blocks.store(0, record(2))
      } catch {
        isDead = true
      }
      dying.mockRestore()
      const image = new Int32Array(WORDS)
      expect(blocks.tryRead(0, image), `last store ${last}`).toBeDefined()
      expect(isWhole(image), `last store ${last}`).toBe(true)
      const seen = image[0] as number
      expect(seen === 1 || seen === 2).toBe(true)
      // The next writer changes one word only. All others are those that the reader saw.
      const before = image.slice()
      const sequence = blocks.tryRead(0, before) as number
      const next = before.slice()
      next[5] = 9
      expect(blocks.store(0, next, before, sequence)).toBe(true)
      blocks.tryRead(0, image)
      expect(image[5]).toBe(9)
      image[5] = seen
      expect(
        image.every(word => word === seen),
        `last store ${last}`,
      ).toBe(true)
      if (!isDead) break
      deaths++
    }
    // Each changed word into the image and into the record, three words of mask, and the sequence.
    expect(deaths).toBe(2 * WORDS + 3 + 2)
  })

  it('keeps what others add to words that a change does not name', () => {
    const { words, blocks } = newBlocks()
    const before = new Int32Array(WORDS)
    const sequence = blocks.tryRead(2 - 1, before) as number
    Atomics.add(words, blocks.recordAt(1) + 3, 10)
    const next = before.slice()
    next[4] = 7
    expect(blocks.store(1, next, before, sequence)).toBe(true)
    blocks.tryRead(1, before)
    expect([before[3], before[4]]).toEqual([10, 7])
  })

  it('refuses a change of what is no longer stored', () => {
    const { blocks } = newBlocks()
    const before = new Int32Array(WORDS)
    const sequence = blocks.tryRead(0, before) as number
    blocks.store(0, record(5))
    expect(blocks.store(0, record(6), before, sequence)).toBe(false)
    blocks.tryRead(0, before)
    expect(before).toEqual(record(5))
  })

  it('goes on when the sequence wraps', () => {
    const { words, blocks } = newBlocks()
    const first = blockWords(WORDS)
    words[first] = -2
    for (const value of [1, 2, 3]) {
      blocks.store(0, record(value))
      const image = new Int32Array(WORDS)
      expect(blocks.tryRead(0, image)).toBe(words[first])
      expect(image).toEqual(record(value))
    }
  })

  it.each([1, 2, 31, 32, 33, 64, 65, 100])('of %i words does not touch its neighbours', recordWords => {
    const { words, blocks } = newBlocks(RecordBlocks, recordWords)
    blocks.store(0, new Int32Array(recordWords).fill(-1))
    const stride = blockWords(recordWords)
    expect(words.subarray(0, stride).every(word => word === 0)).toBe(true)
    expect(words.subarray(2 * stride).every(word => word === 0)).toBe(true)
    const image = new Int32Array(recordWords)
    blocks.tryRead(0, image)
    expect(image.every(word => word === -1)).toBe(true)
    blocks.tryRead(1, image)
    expect(image.every(word => word === 0)).toBe(true)
  })
})
