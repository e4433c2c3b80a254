/**
 * Opens and creates the index file of a store, and publishes its roots.
 *
 *   IF1  everything that a root names is synced before the root is stored. The root is synced before pages that it no longer reaches are
 *        free.
 *   IF2  while the file is open for writing, both roots are whole and name the newest state. The first write syncs the newest root, then
 *        stores a copy over the other, so that damage to one root never brings back an older state.
 *   IF3  a file that is damaged or not this store's is no error: `open` returns the reason, and the indexes are rebuilt from the records.
 *   IF4  after a failed sync nothing is stored or synced again, since the system may take unwritten pages for clean.
 * Which pages are free: page-space.ts. Loading the catalog of a root: load-catalog.ts.
 */

import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { Platform, PlatformFile } from '../../../mmap/platform.ts'
import {
  createWindowPool,
  type WindowOptions,
  type WindowPool,
} from '../../../mmap/window-pool/create-window-pool.ts'
import {
  FIXED_PAGES,
  INDEX_HEADER,
  INDEX_MAGIC,
  INDEX_PAGE_BYTES,
  SEED_BYTES,
} from '../../format/index-format.ts'
import { NO_LINEAGE } from '../../format/root.ts'
import { FORMAT_VERSION } from '../../format/store-format.ts'
import { type Protocol, runBlocking, type Wait } from '../../steps/protocol.ts'
import { isBeside } from '../../whole-files/same-file.ts'
import { type FileAccess, writeWhole } from '../../whole-files/whole-file.ts'
import type { IndexDefinition } from '../keys/index-definition.ts'
import { type CatalogEntry, encodeCatalog, littleEndian } from '../pages/index-catalog.ts'
import {
  assertReplaceable,
  checkIndexHeader,
  generationOf,
  type IndexOwner,
  type StoreHistory,
} from '../pages/index-file-owner.ts'
import { type IndexedCommit, type IndexRoot, writeIndexRoot } from '../pages/index-root.ts'
import { type LoadedCatalog, loadCatalog, pageRun } from '../pages/load-catalog.ts'
import { PageSpace } from '../pages/page-space.ts'
import { PageView } from '../pages/page-view.ts'
import type { IndexTree } from '../trees/index-tree.ts'

/** How the file is opened. */
export interface IndexAccess {
  readonly platform: Platform
  readonly windows: Pick<WindowOptions, 'windowBytes' | 'mappedBytesMax' | 'advice' | 'readsFirst'>
  readonly readOnly: boolean
}

const FIRST_ROOT: IndexRoot = {
  rootNumber: 1,
  commitNumber: 0,
  size: 0,
  pages: FIXED_PAGES,
  catalogList: 0,
  catalogBytes: 0,
  catalogCrc: 0,
  indexCount: 0,
  lineage: NO_LINEAGE,
}

/**
 * Creates the file, without an index. It may replace an index file of the same store.
 * @param history given if the store's root defines indexes: see IB3 of index-file-owner.ts
 * @throws ERR_STRIDE_EXISTS if another file has the name, _NO_SPACE, _IO
 */
export function createIndexFile(
  platform: Platform,
  path: string,
  owner: IndexOwner,
  access: FileAccess,
  seed: Uint8Array = randomBytes(SEED_BYTES),
  history?: StoreHistory,
): void {
  assertReplaceable(platform, path, owner.storeId, history)
  const write = (file: PlatformFile): void => {
    file.allocate(0, FIXED_PAGES * INDEX_PAGE_BYTES)
    const header = INDEX_HEADER.encode({
      magic: Buffer.from(INDEX_MAGIC),
      formatVersion: FORMAT_VERSION,
      storeId: Buffer.from(owner.storeId, 'hex'),
      generation: owner.generation,
      seed: Buffer.from(seed),
    })
    file.store(header, 0)
    writeIndexRoot(file, FIRST_ROOT)
    writeIndexRoot(file, { ...FIRST_ROOT, rootNumber: FIRST_ROOT.rootNumber + 1 })
  }
  writeWhole({ platform, path, access, storeId: owner.storeId, naming: 'replace' }, write)
}

export class IndexFile {
  readonly file: PlatformFile
  readonly pool: WindowPool
  /** Its pages, for lookups. */
  readonly view: PageView
  /** The seed of the key hashes. */
  readonly seed: Uint8Array
  readonly space: PageSpace
  /** The indexes in the catalog of the root that was found, in order. */
  readonly entries: readonly CatalogEntry[]
  #root: IndexRoot
  #catalogPages: readonly number[]
  #isTwinned = false
  #failure: unknown

  private constructor(file: PlatformFile, pool: WindowPool, seed: Uint8Array, loaded: LoadedCatalog) {
    const { root, entries, catalogPages, used } = loaded
    this.file = file
    this.pool = pool
    this.view = new PageView(file.path, pool)
    this.seed = seed
    this.entries = entries
    this.#root = root
    pool.setEnd(root.pages * INDEX_PAGE_BYTES)
    this.space = new PageSpace(file, pool, used)
    this.#catalogPages = catalogPages
  }

  /** Opens the file. @returns the file, or why it cannot be used @throws ERR_STRIDE_PERMISSION, _IO */
  static open(path: string, owner: IndexOwner, access: IndexAccess): IndexFile | string {
    const { platform, readOnly, windows } = access
    if (!isBeside(platform, path)) return 'there is no index file'
    const file = platform.open(path, { access: readOnly ? 'read' : 'readwrite', create: 'never' })
    let pool: WindowPool | undefined
    try {
      const seed = checkIndexHeader(file, owner)
      const loaded = typeof seed === 'string' ? seed : loadCatalog(file)
      if (typeof seed !== 'string' && typeof loaded !== 'string') {
        pool = createWindowPool(file, { ...windows, itemBytesMax: INDEX_PAGE_BYTES })
        return new IndexFile(file, pool, seed, loaded)
      }
      file.close()
      return typeof seed === 'string' ? seed : (loaded as string)
    } catch (error) {
      pool?.close()
      file.close()
      throw error
    }
  }

  /** The definitions in an index file of this store, of any generation; none if it cannot be read. */
  static definitionsOf(
    platform: Platform,
    path: string,
    { storeId }: Pick<IndexOwner, 'storeId'>,
  ): readonly IndexDefinition[] {
    if (!platform.exists(path)) return []
    const file = platform.open(path, { access: 'read', create: 'never' })
    try {
      if (typeof checkIndexHeader(file, { storeId, generation: generationOf(file) }) === 'string') return []
      const loaded = loadCatalog(file)
      return typeof loaded === 'string' ? [] : loaded.entries.map(entry => entry.definition)
    } finally {
      file.close()
    }
  }

  get path(): string {
    return this.file.path
  }
  /** The last published root. */
  get root(): IndexRoot {
    return this.#root
  }
  get bytes(): number {
    return this.space.pages * INDEX_PAGE_BYTES
  }

  /** The error of a failed sync; undefined if none failed. */
  get failure(): unknown {
    return this.#failure
  }

  /** Called before the first page is written. Stores the newest root on both pages (IF2). */
  beginWriting(): void {
    runBlocking(this.twinning())
  }

  /** Like `beginWriting`, as a protocol. */
  *twinning(): Protocol {
    this.#assertSound()
    if (this.#isTwinned) return
    // An earlier process may have left the newest root only in the system's cache, without a sync or after a failed one. It has to be
    // durable before the other root is overwritten. After a failed sync only bytes that are stored again reach the disk.
    writeIndexRoot(this.file, this.#root)
    yield this.#sync
    // A blocking call may have done the same meanwhile, or failed.
    this.#assertSound()
    if (this.#isTwinned) return
    this.#root = { ...this.#root, rootNumber: this.#root.rootNumber + 1 }
    writeIndexRoot(this.file, this.#root)
    yield this.#sync
    this.#isTwinned = true
  }

  /**
   * Publishes the trees as of a commit. Pending entries of records at or above its size are left out. In the background the trees may
   * change meanwhile.
   * @throws ERR_STRIDE_NO_SPACE before anything is published, _IO
   */
  publication(trees: readonly IndexTree[], commit: IndexedCommit): Protocol {
    return this.#publication(trees, { ...commit, named: trees.map(tree => tree.pending(commit.size)) })
  }

  /**
   * Publishes the present pages of the trees, with the commit and the pending entries of the last root: the journal has all later changes.
   * Dropped pages become free.
   */
  pagePublication(trees: readonly IndexTree[]): Protocol {
    return this.#publication(trees, { ...this.#commit, named: trees.map(tree => tree.named) })
  }

  /** The commit of the last root. */
  get #commit(): IndexedCommit {
    const { commitNumber, size, lineage } = this.#root
    return { commitNumber, size, lineage }
  }

  close(): void {
    this.pool.close()
    this.file.close()
  }

  *#publication(trees: readonly IndexTree[], state: NamedState): Protocol {
    yield* this.twinning()
    const { root, pages } = this.#storeCatalog(trees, state)
    let isStored = false
    let isOvertaken = true
    try {
      yield this.#sync
      this.#assertSound()
      writeIndexRoot(this.file, root)
      isStored = true
      yield this.#sync
      this.#published(trees, state, root, pages)
      isOvertaken = false
    } catch (error) {
      // It is unknown which root is on the disk, so the pages of neither are used again.
      isOvertaken = false
      throw error
    } finally {
      // If the root was stored, it may be on the disk until another one is published.
      if (isOvertaken) for (const page of pages) isStored ? this.space.drop(page) : this.space.giveBack(page)
    }
  }

  readonly #sync: Wait = {
    block: () => {
      try {
        this.file.sync()
      } catch (error) {
        throw this.#fail(error)
      }
    },
    wait: async () => {
      try {
        await this.file.syncAsync()
      } catch (error) {
        throw this.#fail(error)
      }
    },
  }

  #fail(error: unknown): unknown {
    this.#failure ??= error
    return error
  }

  /** @throws the error of a failed sync (IF4) */
  #assertSound(): void {
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Stores the catalog of the next root. @returns that root, and the pages of the catalog */
  #storeCatalog(trees: readonly IndexTree[], { commitNumber, size, lineage, named }: NamedState): NextRoot {
    const entries = trees.map(({ indexNumber, definition, directory, format }, i) => {
      const { arrays } = directory
      return {
        indexNumber,
        definition,
        entryWords: format.entryWords,
        arrays,
        pending: named[i] as Uint32Array,
      }
    })
    const catalog = encodeCatalog(entries)
    const count = Math.ceil(catalog.length / INDEX_PAGE_BYTES)
    const places = Uint32Array.from(this.space.takeMany(count))
    for (let from = 0; from < count; ) {
      let to = from + 1
      while (to < count && places[to] === (places[to - 1] as number) + 1) to++
      const bytes = catalog.subarray(from * INDEX_PAGE_BYTES, to * INDEX_PAGE_BYTES)
      this.pool.store(bytes, (places[from] as number) * INDEX_PAGE_BYTES)
      from = to
    }
    const list = littleEndian(places)
    const listPages = Math.ceil(list.length / INDEX_PAGE_BYTES)
    const catalogList = listPages === 0 ? 0 : this.#takeRun(listPages, places)
    if (listPages > 0) this.pool.store(list, catalogList * INDEX_PAGE_BYTES)
    this.space.naming()
    const root = {
      rootNumber: this.#root.rootNumber + 1,
      commitNumber,
      size,
      pages: this.space.pages,
      catalogList,
      catalogBytes: catalog.length,
      catalogCrc: crc32(catalog),
      indexCount: trees.length,
      lineage,
    }
    return { root, pages: [...places, ...pageRun(catalogList, listPages)] }
  }

  /** Takes the pages of the catalog's list. @throws ERR_STRIDE_NO_SPACE, after freeing the other pages of the catalog */
  #takeRun(count: number, others: Iterable<number>): number {
    try {
      return this.space.takeRun(count)
    } catch (error) {
      for (const page of others) this.space.giveBack(page)
      throw error
    }
  }

  #published(
    trees: readonly IndexTree[],
    { named }: NamedState,
    root: IndexRoot,
    pages: readonly number[],
  ): void {
    for (const page of this.#catalogPages) this.space.drop(page)
    this.#catalogPages = pages
    this.#root = root
    for (const [i, tree] of trees.entries()) tree.named = named[i] as Uint32Array
    this.space.published()
  }
}

/** The state that a root names, with the pending entries of each tree as rows of words. */
interface NamedState extends IndexedCommit {
  readonly named: readonly Uint32Array[]
}

interface NextRoot {
  readonly root: IndexRoot
  readonly pages: readonly number[]
}
