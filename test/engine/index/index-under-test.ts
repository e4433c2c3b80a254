/**
 * One index in a file of its own over heap records, put together as a store does it: staged, folded, published, opened.
 */

import { compareWords } from '../../../src/engine/indexes/keys/entry-words.ts'
import { defineIndex } from '../../../src/engine/indexes/keys/index-definition.ts'
import type { IndexOptions } from '../../../src/engine/indexes/keys/index-options.ts'
import { KeyCodec } from '../../../src/engine/indexes/keys/key-codec.ts'
import { KeyHash } from '../../../src/engine/indexes/keys/key-hash.ts'
import { planKey } from '../../../src/engine/indexes/keys/key-plan.ts'
import {
  createIndexFile,
  type IndexAccess,
  IndexFile,
} from '../../../src/engine/indexes/lifecycle/index-file.ts'
import { HashIndex } from '../../../src/engine/indexes/lookup/hash-index.ts'
import type { KeyIndex } from '../../../src/engine/indexes/lookup/key-index.ts'
import { OrderedIndex } from '../../../src/engine/indexes/lookup/ordered-index.ts'
import { directoryOf } from '../../../src/engine/indexes/pages/index-catalog.ts'
import { BulkBuild } from '../../../src/engine/indexes/trees/bulk-build.ts'
import { checkPage } from '../../../src/engine/indexes/trees/check-pages.ts'
import type { Verdict } from '../../../src/engine/indexes/trees/fold.ts'
import type { HashDelta } from '../../../src/engine/indexes/trees/hash-delta.ts'
import { IndexTree, leafFormatOf } from '../../../src/engine/indexes/trees/index-tree.ts'
import type { OrderedDelta } from '../../../src/engine/indexes/trees/ordered-delta.ts'
import { runBlocking } from '../../../src/engine/steps/protocol.ts'
import { choosePlatform } from '../../../src/mmap/choose-platform.ts'
import type { HeapRecords } from './heap-records.ts'

const OWNER = { storeId: '00112233445566778899aabbccddeeff', generation: 0 }

export function accessOf(backend: 'mapped' | 'file' | 'memory', readOnly = false): IndexAccess {
  const { platform } = choosePlatform(backend, '/tmp')
  const windows = {
    windowBytes: 2 ** 30,
    mappedBytesMax: Number.POSITIVE_INFINITY,
    advice: 'normal' as const,
    readsFirst: false,
  }
  return { platform, windows, readOnly }
}

export class IndexUnderTest {
  readonly records: HeapRecords
  readonly file: IndexFile
  readonly index: KeyIndex
  readonly path: string
  readonly options: IndexOptions

  constructor(records: HeapRecords, options: IndexOptions, path: string, access = accessOf('mapped')) {
    this.records = records
    this.options = options
    this.path = path
    if (!access.platform.exists(path)) createIndexFile(access.platform, path, OWNER, undefined)
    const file = IndexFile.open(path, OWNER, access)
    if (typeof file === 'string') throw new Error(file)
    this.file = file
    const definition = defineIndex('index', options)
    const plan = planKey(records.codec.layout, definition.on)
    const format = leafFormatOf(definition, definition.kind === 'hash' ? 0 : plan.bytes)
    const [entry] = file.entries
    const tree = IndexTree.over(1, definition, format, entry === undefined ? undefined : directoryOf(entry))
    if (entry !== undefined) tree.restore(entry.pending)
    const parts = { codec: new KeyCodec(plan), recordCodec: new KeyCodec(plan), records, pages: file.view }
    this.index =
      definition.kind === 'hash'
        ? new HashIndex({ ...parts, tree: tree as IndexTree<HashDelta>, hash: new KeyHash(file.seed) })
        : new OrderedIndex({ ...parts, tree: tree as IndexTree<OrderedDelta> })
  }

  get tree(): IndexTree {
    return this.index.tree
  }
  get ordered(): OrderedIndex {
    return this.index as OrderedIndex
  }

  set(n: number, record: unknown): void {
    const { records, index } = this
    if (records.isLive(n)) index.added(n, records.view, n * records.stride)
    records.set(n, record)
    index.added(n, records.view, n * records.stride)
  }

  delete(n: number): void {
    this.index.added(n, this.records.view, n * this.records.stride)
    this.records.delete(n)
  }

  /** What a record says about an entry; `unsettled` says for which numbers it may not be asked. */
  judge(unsettled: (n: number) => boolean = () => false): (data: Uint32Array, at: number) => Verdict {
    const { records, index } = this
    const words = this.tree.format.entryWords
    const entry = new Uint32Array(words)
    return (data, at) => {
      const n = data[at + words - 1] as number
      if (unsettled(n)) return 'unsettled'
      const source = records.find(n)
      if (source === undefined) return 'gone'
      index.entryOf(n, source.view as DataView, records.at, entry)
      return compareWords(data, at, entry, 0, words) === 0 ? 'there' : 'gone'
    }
  }

  beginFold(unsettled?: (n: number) => boolean): void {
    const { file } = this
    file.beginWriting()
    this.tree.beginFold({ path: file.path, pool: file.pool, space: file.space, judge: this.judge(unsettled) })
  }

  /** Folds all that waits, publishing after each portion. @returns how many there were */
  fold(unsettled?: (n: number) => boolean): number {
    this.beginFold(unsettled)
    for (let portions = 1; ; portions++) {
      let state = this.tree.foldStep(0)
      while (state === 'more') state = this.tree.foldStep(0)
      if (state === 'done') {
        this.publish()
        return portions
      }
      runBlocking(this.file.pagePublication([this.tree]))
    }
  }

  publish(): void {
    runBlocking(
      this.file.publication([this.tree], { commitNumber: 1, size: this.records.size, lineage: '0'.repeat(16) }),
    )
  }

  build(passEntriesMax?: number): void {
    const { file, records, index, tree } = this
    file.beginWriting()
    const build = new BulkBuild({
      indexNumber: 1,
      format: tree.format,
      directory: tree.directory,
      pool: file.pool,
      space: file.space,
      records,
      stride: records.stride,
      size: records.size,
      entryOf: (n, view, at, entry) => index.entryOf(n, view, at, entry),
      ...(passEntriesMax === undefined ? {} : { passEntriesMax }),
    })
    for (const _ of build.run());
  }

  /** What is wrong with each page. */
  wrongPages(): string[] {
    const notes: string[] = []
    for (let i = 0; i < this.tree.directory.pageCount; i++) {
      checkPage(this.tree, i, this.file.pool, (_, what) => notes.push(what))
    }
    return notes
  }

  close(): void {
    this.file.close()
  }
}
