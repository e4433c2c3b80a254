/**
 * What one file may hold after the power went: for each sector and for the size, everything since the last sync.
 *
 *   M1  an unsynced sector of 512 bytes holds any version since its last sync, or is torn between two of them.
 *   M2  the size is any since the last sync; what lies beyond it is gone.
 *   M3  a sync covers what was stored before it began, and nothing else.
 *   M4  a word stored through shared memory holds any value that it ever had: no sync orders it.
 *   M5  where a sync fails, what it covered is clean: it stays readable, any version of it may be on the disk, and no later
 *       sync changes that. Only bytes that are stored again go with the next sync.
 * Which of these are chosen for an image: crash-images.ts. Names of files: disk-model.ts.
 */

export const SECTOR_BYTES = 512

interface Version {
  /** The model's clock when it was stored. */
  readonly at: number
  readonly bytes: Uint8Array
  /** A sync that covered it failed (M5). */
  readonly isClean: boolean
}

interface Size {
  readonly at: number
  readonly size: number
  readonly isClean: boolean
}

/** One thing that a file may hold after the cut. Sectors that are not named hold what is durable. */
export interface FileChoice {
  readonly size: number
  readonly sectors: ReadonlyMap<number, Uint8Array>
  readonly words: ReadonlyMap<number, Uint8Array>
}

export class FileModel {
  #durable = new Uint8Array(0)
  #hash: Hash = [0, 0]
  /** Sectors as they are durable, one object each, so that its hash is reckoned once. */
  readonly #durableSectors = new Map<number, Uint8Array>()
  #sortedPending: readonly number[] | undefined
  /** Versions newer than the durable one, oldest first. */
  readonly #pending = new Map<number, Version[]>()
  /** The durable size, then those since. */
  #sizes: Size[] = [{ at: 0, size: 0, isClean: false }]
  /** Where stores ended since the newest size became clean: a sync makes the file reach that far. */
  #reached: { readonly at: number; readonly end: number }[] = []
  /** Every value that a shared word had, by offset. */
  readonly #words = new Map<number, Uint8Array[]>()

  /** A file that is wholly durable. */
  static of(bytes: Uint8Array): FileModel {
    const file = new FileModel()
    file.store(bytes, 0, 0)
    file.settle(0)
    return file
  }

  get size(): number {
    return (this.#sizes.at(-1) as { size: number }).size
  }
  /** Sizes that may be found, the durable one first, the present one last. */
  get sizes(): readonly number[] {
    return this.#sizes.map(({ size }) => size)
  }
  /** Sectors that may hold something else than what is durable, ascending. */
  get pendingSectors(): readonly number[] {
    this.#sortedPending ??= [...this.#pending.keys()].sort((a, b) => a - b)
    return this.#sortedPending
  }
  get words(): ReadonlyMap<number, readonly Uint8Array[]> {
    return this.#words
  }

  /** What a sector may hold, the durable version first, the present one last. */
  versions(sector: number): readonly Uint8Array[] {
    return [this.#durableSector(sector), ...(this.#pending.get(sector) ?? []).map(({ bytes }) => bytes)]
  }

  store(bytes: Uint8Array, offset: number, at: number): void {
    const end = offset + bytes.length
    for (let sector = Math.floor(offset / SECTOR_BYTES); sector * SECTOR_BYTES < end; sector++) {
      const start = sector * SECTOR_BYTES
      const from = Math.max(offset, start)
      const part = bytes.subarray(from - offset, Math.min(end, start + SECTOR_BYTES) - offset)
      this.#overlay(sector, part, from - start, at)
    }
    if (bytes.length > 0) this.#reach(end, at)
  }

  storeWord(bytes: Uint8Array, offset: number): void {
    const values = this.#words.get(offset) ?? [this.#present(offset, bytes.length)]
    this.#words.set(offset, [...values.filter(value => !isEqual(value, bytes)), bytes])
  }

  allocate(offset: number, length: number, at: number): void {
    this.#reach(offset + length, at)
  }

  resize(size: number, at: number): void {
    const before = this.size
    if (size < before) {
      const zeros = new Uint8Array(SECTOR_BYTES)
      for (let start = size; start < before; start = (Math.floor(start / SECTOR_BYTES) + 1) * SECTOR_BYTES) {
        const within = start % SECTOR_BYTES
        this.#overlay(Math.floor(start / SECTOR_BYTES), zeros.subarray(within), within, at)
      }
    }
    if (size !== before || this.#isSizeClean) this.#sizes.push({ at, size, isClean: false })
  }

  /** A sync that began at this time returned. */
  settle(begun: number): void {
    this.#sortedPending = undefined
    for (const [sector, versions] of this.#pending) {
      const last = versions.findLastIndex(({ at }) => at <= begun)
      if (last < 0 || (versions[last] as Version).isClean) continue
      this.#makeDurable(sector, (versions[last] as Version).bytes)
      if (last === versions.length - 1) this.#pending.delete(sector)
      else this.#pending.set(sector, versions.slice(last + 1))
    }
    const last = this.#sizes.findLastIndex(({ at }) => at <= begun)
    const newest = this.#sizes[last]
    if (newest === undefined) return
    if (!newest.isClean) {
      this.#sizes = this.#sizes.slice(last)
      return
    }
    const reached = this.#reached.reduce((most, { at, end }) => (at <= begun ? Math.max(most, end) : most), 0)
    if (reached <= (this.#sizes[0] as Size).size) return
    const larger = this.#sizes.filter(({ size }, i) => i > 0 && size > reached)
    this.#sizes = [{ at: 0, size: reached, isClean: false }, ...larger]
  }

  /** A sync that began at this time failed. */
  markClean(begun: number): void {
    const cleaned = <T extends Version | Size>(each: T): T =>
      each.at <= begun ? { ...each, isClean: true } : each
    for (const [sector, versions] of this.#pending) this.#pending.set(sector, versions.map(cleaned))
    const [durable, ...later] = this.#sizes
    this.#sizes = [durable as Size, ...later.map(cleaned)]
  }

  /** Sectors that are clean are read from the disk again, which has the version that is chosen; undefined: none is dropped. */
  dropClean(choose: (versions: readonly Uint8Array[]) => Uint8Array | undefined): void {
    for (const [sector, versions] of this.#pending) {
      if (!(versions.at(-1) as Version).isClean) continue
      const chosen = choose(this.versions(sector))
      if (chosen === undefined) continue
      this.#sortedPending = undefined
      this.#makeDurable(sector, chosen)
      this.#pending.delete(sector)
    }
  }

  /** The file as chosen, and a hash of it: two choices with the same bytes have the same one. */
  contents(choice: FileChoice): Uint8Array {
    const bytes = new Uint8Array(choice.size)
    bytes.set(this.#durable.subarray(0, Math.min(choice.size, this.#durable.length)))
    for (const [sector, version] of choice.sectors) overlay(bytes, version, sector * SECTOR_BYTES)
    for (const [offset, word] of choice.words) overlay(bytes, word, offset)
    return bytes
  }

  keyOf(choice: FileChoice): string {
    let [a, b] = this.#hash
    const exchange = (sector: number, bytes: Uint8Array): void => {
      const [p, q] = sectorHash(sector, bytes)
      a ^= p
      b ^= q
    }
    for (const [sector, version] of choice.sectors) {
      exchange(sector, this.#durableSector(sector))
      exchange(sector, version)
    }
    const words = [...choice.words].map(([offset, word]) => `${offset}=${word.join('.')}`)
    return `${choice.size}:${a >>> 0}:${b >>> 0}:${words.join()}`
  }

  clone(): FileModel {
    const copy = new FileModel()
    copy.#durable = this.#durable.slice()
    copy.#hash = this.#hash
    for (const [sector, versions] of this.#pending) copy.#pending.set(sector, [...versions])
    copy.#sizes = [...this.#sizes]
    copy.#reached = [...this.#reached]
    for (const [offset, values] of this.#words) copy.#words.set(offset, values)
    return copy
  }

  #overlay(sector: number, part: Uint8Array, within: number, at: number): void {
    const versions = this.#pending.get(sector)
    const newest = versions?.at(-1)
    const before = newest?.bytes ?? this.#durableSector(sector)
    // Stored again, a clean sector is dirty even if it looks equal.
    if (newest?.isClean !== true && isEqual(before.subarray(within, within + part.length), part)) return
    const bytes = before.slice()
    bytes.set(part, within)
    this.#sortedPending = undefined
    const version = { at, bytes, isClean: false }
    if (versions === undefined) this.#pending.set(sector, [version])
    else versions.push(version)
  }

  get #isSizeClean(): boolean {
    return (this.#sizes.at(-1) as Size).isClean
  }

  /** Something ends there: the file is at least so long. */
  #reach(end: number, at: number): void {
    if (end > this.size || (end === this.size && this.#isSizeClean)) {
      this.#sizes.push({ at, size: end, isClean: false })
    } else if (this.#isSizeClean) {
      this.#reached.push({ at, end })
    }
  }

  #durableSector(sector: number): Uint8Array {
    let bytes = this.#durableSectors.get(sector)
    if (bytes === undefined) {
      const start = sector * SECTOR_BYTES
      bytes = new Uint8Array(SECTOR_BYTES)
      bytes.set(this.#durable.subarray(start, start + SECTOR_BYTES))
      this.#durableSectors.set(sector, bytes)
    }
    return bytes
  }

  #makeDurable(sector: number, bytes: Uint8Array): void {
    const [p, q] = sectorHash(sector, this.#durableSector(sector))
    const [r, s] = sectorHash(sector, bytes)
    this.#hash = [this.#hash[0] ^ p ^ r, this.#hash[1] ^ q ^ s]
    const end = (sector + 1) * SECTOR_BYTES
    if (end > this.#durable.length) {
      const larger = new Uint8Array(Math.max(end, this.#durable.length * 2))
      larger.set(this.#durable)
      this.#durable = larger
    }
    this.#durable.set(bytes, sector * SECTOR_BYTES)
    this.#durableSectors.set(sector, bytes)
  }

  #present(offset: number, length: number): Uint8Array {
    const sector = Math.floor(offset / SECTOR_BYTES)
    const within = offset - sector * SECTOR_BYTES
    return (this.versions(sector).at(-1) as Uint8Array).slice(within, within + length)
  }
}

type Hash = readonly [number, number]

const contentHashes = new WeakMap<Uint8Array, Hash>()
const NOTHING: Hash = [0, 0]

/** Zero for a sector of zeros, so that a hole and stored zeros count the same. */
function sectorHash(sector: number, bytes: Uint8Array): Hash {
  let hash = contentHashes.get(bytes)
  if (hash === undefined) {
    let a = 0x811c9dc5
    let b = 0x2545f491
    let any = 0
    for (const byte of bytes) {
      any |= byte
      a = Math.imul(a ^ byte, 0x01000193)
      b = Math.imul(b + byte + 1, 0x5bd1e995)
      b ^= b >>> 15
    }
    hash = any === 0 ? NOTHING : [a, b]
    contentHashes.set(bytes, hash)
  }
  if (hash === NOTHING) return NOTHING
  return [
    scramble(hash[0] + Math.imul(sector + 1, 0x9e3779b1)),
    scramble(hash[1] ^ Math.imul(sector + 1, 0x85ebca6b)),
  ]
}

function scramble(value: number): number {
  let x = value | 0
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d)
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b)
  return x ^ (x >>> 16)
}

/** Stores as much of `part` as lies within `bytes`. */
function overlay(bytes: Uint8Array, part: Uint8Array, offset: number): void {
  if (offset < bytes.length) bytes.set(part.subarray(0, bytes.length - offset), offset)
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}
