/**
 * Where does a named consumer of a tail continue? Its position is kept in `x.stride-consumers`.
 *
 *   CF1  a name belongs to one open tail at a time: a lock of the system on its place, which ends with the process.
 *   CF2  before another file takes the data file's name, the position in the new file is made durable beside the old one. The generation
 *        of the data file says which of them counts, so a crash at any point loses nothing.
 *   CF3  who moves a position holds a lock while the generation is read and the bytes are stored. Compact holds it until its file is open.
 *   CF4  a copy is overwritten only once the other one is durable. One that a dead process left is stored again first, since its sync may
 *        have failed.
 *   CF5  positions of another store, whose file had the name before, count for nothing.
 * The bytes: format/consumer-format.ts. The batches: tail.ts.
 */

import { StrideError } from '../../errors.ts'
import type { Platform, PlatformFile } from '../../mmap/platform.ts'
import { blockFor } from '../../runtime/blocking-wait.ts'
import { Deadline } from '../../runtime/monotonic.ts'
import { CONSUMER, CONSUMERS, POSITIONS_BYTE } from '../format/consumer-format.ts'
import { consumersPathOf } from '../format/file-names.ts'
import type { Identity } from '../format/identity.ts'

const POLL_MS = 2
const WAIT_MS_MAX = 10_000

type Position = ReturnType<typeof CONSUMER.decode>
type Store = Pick<Identity, 'storeId' | 'generation'>

export class ConsumerFile {
  readonly #file: PlatformFile

  private constructor(file: PlatformFile) {
    this.#file = file
  }

  /** @param like the store's file, whose owner and permission bits a created file gets */
  static open(platform: Platform, storePath: string, like: PlatformFile): ConsumerFile {
    const path = consumersPathOf(storePath)
    const file = platform.open(path, { access: 'readwrite', create: 'missing', like })
    try {
      // The name is durable before the first position is.
      if (file.size() === 0) platform.syncFolder(path)
    } catch (error) {
      file.close()
      throw error
    }
    return new ConsumerFile(file)
  }

  /** Takes the place of a name, or a free one. Called within `tryAlone`. @throws ERR_STRIDE_BUSY (CF1), _LIMIT (all places are taken) */
  take(name: string, store: Store): number {
    let free = -1
    for (let place = 0; place < CONSUMERS; place++) {
      const found = this.#find(place, store)
      if (found === undefined && free < 0 && this.#file.tryLock(place, 'exclusive')) free = place
      if (found === undefined || nameOf(found) !== name) continue
      if (free >= 0) this.#file.unlock(free)
      if (this.#file.tryLock(place, 'exclusive')) return place
      throw this.#error('ERR_STRIDE_BUSY', `Another tail of consumer '${name}' is open`)
    }
    if (free < 0) throw this.#error('ERR_STRIDE_LIMIT', `All ${CONSUMERS} places of consumers are taken`)
    return free
  }

  /** The position in this generation of the store; undefined for a new consumer, -1 if it is lost. */
  position(place: number, store: Store): number | undefined {
    const found = this.#find(place, store)
    return found === undefined ? undefined : positionIn(found, store)
  }

  /** Stores the last copy again, so that the next sync makes it durable (CF4). Called within `tryAlone`. */
  renew(place: number): void {
    const found = this.#read(place)
    if (found !== undefined) this.#file.store(CONSUMER.encode(found), offsetOf(place, found.sequence))
  }

  /** Stores a position. It is durable after `syncAsync`. Called within `tryAlone`, once the last copy is durable (CF4). */
  store(place: number, name: string, { storeId, generation }: Store, position: number, next?: number): void {
    const sequence = (this.#read(place)?.sequence ?? 0) + 1
    const bytes = CONSUMER.encode({
      sequence,
      storeId: Buffer.from(storeId, 'hex'),
      generation,
      position,
      hasNext: next === undefined ? 0 : 1,
      nextPosition: next ?? 0,
      nameBytes: name.length,
      name: Buffer.concat([Buffer.from(name, 'latin1')], 64),
    })
    this.#file.store(bytes, offsetOf(place, sequence))
  }

  syncAsync(): Promise<void> {
    return this.#file.syncAsync()
  }

  /** Runs synchronous work that no other opener interrupts (CF3). @returns false if another opener works now */
  tryAlone(work: () => void): boolean {
    if (!this.#file.tryLock(POSITIONS_BYTE, 'exclusive')) return false
    try {
      work()
    } finally {
      this.#file.unlock(POSITIONS_BYTE)
    }
    return true
  }

  /** Keeps every position also as that of the next generation, durably. They stay locked until `close`. @throws ERR_STRIDE_BUSY, _IO */
  prepareNext(store: Store, positionNext: (position: number) => number): void {
    const deadline = new Deadline(WAIT_MS_MAX)
    while (!this.#file.tryLock(POSITIONS_BYTE, 'exclusive')) {
      if (deadline.isOver) throw this.#error('ERR_STRIDE_BUSY', 'A consumer keeps the positions locked')
      blockFor(POLL_MS)
    }
    const known = Array.from({ length: CONSUMERS }, (_, place) => place).filter(
      place => (this.position(place, store) ?? -1) >= 0,
    )
    if (known.length === 0) return
    for (const place of known) this.renew(place)
    this.#file.sync()
    for (const place of known) {
      const found = this.#read(place) as Position
      const position = positionIn(found, store)
      this.store(place, nameOf(found), store, position, positionNext(position))
    }
    this.#file.sync()
  }

  close(): void {
    this.#file.close()
  }

  /** What is kept at a place for this store (CF5). */
  #find(place: number, { storeId }: Store): Position | undefined {
    const found = this.#read(place)
    return found !== undefined && Buffer.from(found.storeId).toString('hex') === storeId ? found : undefined
  }

  #read(place: number): Position | undefined {
    const bytes = Buffer.alloc(2 * CONSUMER.size)
    this.#file.read(bytes, 2 * place * CONSUMER.size)
    let newest: Position | undefined
    for (const at of [0, CONSUMER.size]) {
      const copy = bytes.subarray(at, at + CONSUMER.size)
      // Zeros have a wrong checksum.
      if (!CONSUMER.isIntact(copy)) continue
      const found = CONSUMER.decode(copy)
      if (found.sequence > (newest?.sequence ?? 0)) newest = found
    }
    return newest
  }

  #error(code: 'ERR_STRIDE_BUSY' | 'ERR_STRIDE_LIMIT', message: string): StrideError {
    return new StrideError(code, `${message}: ${this.#file.path}`, { path: this.#file.path })
  }
}

/**
 * Called before another file takes the data file's name (CF2).
 * @returns a function to call once the new file is open
 */
export function keepPositions(
  {
    platform,
    path,
    file,
    identity,
  }: { platform: Platform; path: string; file: PlatformFile; identity: Identity },
  positionNext: (position: number) => number,
): () => void {
  if (!platform.exists(consumersPathOf(path))) return () => undefined
  const consumers = ConsumerFile.open(platform, path, file)
  try {
    consumers.prepareNext(identity, positionNext)
  } catch (error) {
    consumers.close()
    throw error
  }
  return () => consumers.close()
}

function offsetOf(place: number, sequence: number): number {
  return (2 * place + (sequence & 1)) * CONSUMER.size
}

function positionIn(found: Position, { generation }: Store): number {
  if (found.generation === generation) return found.position
  return found.hasNext === 1 && found.generation + 1 === generation ? found.nextPosition : -1
}

function nameOf({ name, nameBytes }: Position): string {
  return Buffer.from(name.subarray(0, nameBytes)).toString('latin1')
}
