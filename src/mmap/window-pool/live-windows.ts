/**
 * Which window over mapped memory shows which part of the file, and which one is replaced?
 *
 * Window k shows the file from k * windowBytes on, and so far into the next window that no item is split.
 *   LW1  an acquire that finds its window costs a division, a lookup and three comparisons: 10 to 15 ns.
 *   LW2  at the end of each turn of the event loop the view of every token is null. The first acquire of the next turn checks the file's
 *        size before any token shows bytes again (S6).
 *   LW3  the bytes shown by all windows together stay within mappedBytesMax. If all windows are pinned, one more is allowed. The least
 *        recently used window is replaced first.
 *   LW4  with `readsFirst` lookups read by position until a window pays (lone-lookups.ts).
 *   LW5  the buffer of a window has the size that it shows, rounded up to a power of two. A small store thus has a small buffer, and a
 *        growing one seldom needs a new one.
 * Reading ahead of a walk, and prefetching: read-ahead.ts.
 */

import { InvariantError, StrideError } from '../../errors.ts'
import { checkRange, checkWantedItem, roundUp } from '../bounds.ts'
import { atTurnEnd } from '../event-loop-turn.ts'
import type { Pieces } from '../pieces.ts'
import type { PlatformFile, Region, StoreWindow } from '../platform.ts'
import { closedError, truncatedError } from '../system-errors.ts'
import { ActiveSlots } from './active-slots.ts'
import { LOOKUP_BYTES_MAX, LoneLookups } from './lone-lookups.ts'
import { advanceWalk, endWalk, prefetchWindows, type ReadRange, WALK_BYTES_MIN } from './read-ahead.ts'
import { ShownWindow } from './shown-window.ts'
import { NO_SLOT, SlotTable } from './slot-table.ts'
import { SpareRegion } from './spare-region.ts'
import type { Window, WindowOptions, WindowPool, WindowStats } from './window.ts'
import { WindowSlot } from './window-slot.ts'

const REGION_BYTES_MIN = 64 * 1024
/** Linux allows 65,530 mappings in a process (vm.max_map_count), for all code in it. */
const WINDOWS_MAX = 8192

export class LiveWindows implements WindowPool {
  readonly live = true
  readonly #file: PlatformFile
  readonly #options: WindowOptions
  readonly #pageBytes: number
  readonly #overlap: number
  readonly #inverse: number
  readonly #slots = new SlotTable()
  /** Undefined if every acquire shows a window. */
  readonly #lookups: LoneLookups | undefined
  /** Null if the file has none. */
  #stores: StoreWindow | null | undefined
  #recent: WindowSlot = NO_SLOT
  readonly #active = new ActiveSlots()
  readonly #spare = new SpareRegion()
  #clock = 0
  #epoch = 0
  #mappedBytes = 0
  #slides = 0
  #end = 0
  #isTurnOpen = false
  #isClosed = false
  #gone = (): void => {}

  constructor(file: PlatformFile, options: WindowOptions, pageBytes: number) {
    this.#file = file
    this.#options = options
    this.#pageBytes = pageBytes
    this.#overlap = roundUp(options.itemBytesMax, Math.max(4096, pageBytes))
    // Exact, since windowBytes is a power of two.
    this.#inverse = 1 / options.windowBytes
    if (options.readsFirst === true && options.itemBytesMax <= LOOKUP_BYTES_MAX)
      this.#lookups = new LoneLookups(file)
  }

  acquire(offset: number, length: number, ahead?: number): Window {
    const k = Math.floor(offset * this.#inverse)
    let slot = this.#recent
    if (slot.k !== k) {
      slot = this.#slots.head(k)
      if (slot.k !== k) return this.#acquireElsewhere(k, offset, length, ahead)
      slot.stamp = ++this.#clock
      this.#recent = slot
    }
    const token = ahead === undefined ? slot.token : slot.aheadToken
    if (token.view !== null && offset + length <= token.end) return token
    return this.#acquireAgain(slot, offset, length, ahead)
  }

  checkSizeOnce(): void {
    if (!this.#isTurnOpen) this.checkSize()
  }

  checkSize(): void {
    this.#assertOpen()
    const size = this.#file.size()
    if (size < this.#end) {
      this.#suspend()
      throw truncatedError(this.#file.path, this.#end, size)
    }
    this.#openTurn()
  }

  setEnd(end: number): void {
    this.#assertOpen()
    checkRange(0, end)
    this.#lookups?.end()
    if (end < this.#end) {
      for (const slot of [...this.#slots.all]) if (slot.end > end) this.#drop(slot)?.release()
    }
    // After the file has grown, a window is extended when bytes beyond its end are requested.
    this.#end = end
  }

  expire(): void {
    this.#epoch++
    this.#suspendAll()
  }

  watch(gone: () => void): void {
    this.#gone = gone
  }

  pin(window: Window): void {
    const slot = this.#slotOf(window)
    // A copy need not be pinned. It is read again when it is needed.
    if (slot === undefined && window.view !== null) return
    if (slot === undefined) throw closedError(`a window of ${this.#file.path} at offset ${window.start}`)
    slot.pins++
  }

  unpin(window: Window): void {
    const slot = this.#slotOf(window)
    if (slot !== undefined && slot.pins > 0) slot.pins--
  }

  store(bytes: Uint8Array, offset: number): void {
    this.#assertOpen()
    this.#file.store(bytes, offset)
    this.#lookups?.stored(offset, offset + bytes.byteLength)
  }

  get piecesFrom(): number {
    return this.#storeWindow()?.pagesMin ?? Number.POSITIVE_INFINITY
  }

  storePieces(pieces: Pieces): void {
    this.#assertOpen()
    const window = this.#storeWindow()
    if (window === undefined) throw new InvariantError(`${this.#file.path} has no window for stores`)
    window.store(pieces)
    if (pieces.count > 0) this.#lookups?.stored(pieces.offsetOf(0), pieces.endOf(pieces.count - 1))
  }

  async prefetch(ranges: readonly ReadRange[]): Promise<void> {
    this.#assertOpen()
    await prefetchWindows(ranges, {
      windowBytes: this.#options.windowBytes,
      file: this.#file,
      end: () => (this.#isClosed ? 0 : this.#end),
      slotAt: k => this.#slotWithoutSliding(k),
    })
  }

  readAhead(offset: number, length: number): void {
    this.#assertOpen()
    this.#file.readAhead(offset, length)
  }

  isResident(offset: number): boolean {
    this.#assertOpen()
    if (offset < 0 || offset >= this.#end) return true
    const slot = this.#slotWithoutSliding(Math.floor(offset * this.#inverse))
    if (slot?.region === undefined || offset >= slot.end) return true
    return slot.region.residentPages(offset - slot.start, 1) > 0
  }

  trim(): void {
    this.#assertOpen()
    for (const slot of [...this.#slots.all]) if (slot.pins === 0) this.#drop(slot)?.release()
    this.#spare.release()
    this.#stores?.clear()
  }

  stats(): WindowStats {
    let residentPages = 0
    for (const slot of this.#slots.all) {
      const length = Math.min(slot.length, this.#options.windowBytes)
      residentPages += slot.region?.residentPages(0, length) ?? 0
    }
    return {
      windows: this.#slots.size,
      mappedBytes: this.#mappedBytes,
      residentBytes: Math.min(residentPages * this.#pageBytes, this.#mappedBytes),
      slides: this.#slides,
    }
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const slot of [...this.#slots.all]) this.#drop(slot)?.release()
    this.#spare.release()
    this.#stores?.clear()
    this.#lookups?.end()
    this.#recent = NO_SLOT
  }

  /** @internal See event-loop-turn.ts. */
  endTurn(): void {
    this.#suspend()
  }

  /** For a window that is not the first of its bucket: another one was used since, or this one is not shown. */
  #acquireElsewhere(k: number, offset: number, length: number, ahead: number | undefined): Window {
    this.#checkWanted(offset, length)
    let slot = this.#slots.find(k)
    if (slot === undefined) {
      const lookups = this.#lookups
      if (ahead === undefined && lookups !== undefined && !lookups.hasEarned(k, this.#lengthOf(k))) {
        if (!this.#isTurnOpen) this.checkSize()
        return lookups.read(k, offset, length)
      }
      slot = this.#place(k)
    }
    slot.stamp = ++this.#clock
    this.#recent = slot
    return this.#acquireAgain(slot, offset, length, ahead)
  }

  /** For a window that is shown, but suspended, expired, too short, or used by a walk. */
  #acquireAgain(slot: WindowSlot, offset: number, length: number, ahead: number | undefined): Window {
    this.#checkWanted(offset, length)
    if (!this.#isTurnOpen) this.checkSize()
    if (offset + length > slot.end) this.#extend(slot)
    this.#active.add(slot)
    if (ahead === undefined || ahead < WALK_BYTES_MIN || this.#options.advice !== 'normal') {
      if (slot.walkEnd > slot.walkStart && slot.aheadToken.view === null) endWalk(slot)
      return slot.resume(this.#epoch)
    }
    return slot.resumeAhead(advanceWalk(slot, offset, length, ahead))
  }

  #checkWanted(offset: number, length: number): void {
    this.#assertOpen()
    const { itemBytesMax } = this.#options
    checkWantedItem(offset, length, { end: this.#end, itemBytesMax, path: this.#file.path })
  }

  #place(k: number): WindowSlot {
    this.checkSize()
    const start = k * this.#options.windowBytes
    const end = Math.min(this.#end, start + this.#options.windowBytes + this.#overlap)
    const slot = new WindowSlot()
    this.#showIn(slot, k, start, end, this.#makeRoom(end - start))
    return slot
  }

  /** Extends a window over the part that the file has gained. Its old tokens end. */
  #extend(slot: WindowSlot): void {
    const { k, start, pins } = slot
    const end = Math.min(this.#end, start + this.#options.windowBytes + this.#overlap)
    this.checkSize()
    const region = this.#makeRoom(end - start, this.#drop(slot))
    this.#showIn(slot, k, start, end, region)
    slot.pins = pins
  }

  #showIn(slot: WindowSlot, k: number, start: number, end: number, region: Region): void {
    try {
      slot.show(k, start, end, region)
      if (this.#options.advice === 'sequential') region.advise(0, end - start, 'sequential')
      // Otherwise one cold touch reads as much as the device's read-ahead, 8 MiB where this was measured.
      else region.advise(0, end - start, 'random')
    } catch (error) {
      slot.drop()
      region.release()
      throw error
    }
    this.#slots.add(slot)
    this.#mappedBytes += end - start
    this.#slides++
  }

  /** Drops windows until `length` more bytes may be shown. @returns a region for them: `held` if it is large enough */
  #makeRoom(length: number, held?: Region): Region {
    const isLargeEnough = held !== undefined && held.capacity >= length
    let region = isLargeEnough ? held : undefined
    if (!isLargeEnough) held?.release()
    while (this.#mappedBytes + length > this.#options.mappedBytesMax || this.#slots.size >= WINDOWS_MAX) {
      const victim = this.#leastRecent()
      if (victim === undefined) break
      const freed = this.#drop(victim)
      if (region !== undefined && region.capacity >= length) {
        this.#spare.keep(freed)
      } else {
        this.#spare.keep(region)
        region = freed
      }
    }
    if (region !== undefined && region.capacity >= length) return region
    this.#spare.keep(region)
    return this.#spare.take(length) ?? this.#reserve(length)
  }

  /** Reserves a region. If the process may map no more, windows are dropped until there is room. */
  #reserve(length: number): Region {
    for (;;) {
      try {
        return this.#file.reserve(this.#capacityFor(length))
      } catch (error) {
        const victim = isNoRoom(error) ? this.#leastRecent() : undefined
        if (victim === undefined) throw error
        const freed = this.#drop(victim)
        if (freed !== undefined && freed.capacity >= length) return freed
        freed?.release()
      }
    }
  }

  #capacityFor(length: number): number {
    const most = this.#options.windowBytes + this.#overlap
    return Math.min(most, Math.max(REGION_BYTES_MIN, 2 ** Math.ceil(Math.log2(length))))
  }

  #leastRecent(): WindowSlot | undefined {
    let least: WindowSlot | undefined
    for (const slot of this.#slots.all) {
      if (slot.pins === 0 && (least === undefined || slot.stamp < least.stamp)) least = slot
    }
    return least
  }

  /** The slot that shows window k. It is shown now if no other window has to be dropped for it. */
  #slotWithoutSliding(k: number): WindowSlot | undefined {
    const slot = this.#slots.find(k)
    if (slot !== undefined) {
      if (slot.end < Math.min(this.#end, slot.start + this.#options.windowBytes)) this.#extend(slot)
      return slot
    }
    const length = this.#lengthOf(k)
    const fits = this.#mappedBytes + length <= this.#options.mappedBytesMax && this.#slots.size < WINDOWS_MAX
    return fits ? this.#place(k) : undefined
  }

  /** Bytes that window k shows, or would show. */
  #lengthOf(k: number): number {
    const { windowBytes } = this.#options
    return Math.min(this.#end - k * windowBytes, windowBytes + this.#overlap)
  }

  #slotOf(window: Window): WindowSlot | undefined {
    const slot = window instanceof ShownWindow ? window.origin : undefined
    return slot instanceof WindowSlot && slot.k >= 0 && slot.start === window.start ? slot : undefined
  }

  #drop(slot: WindowSlot): Region | undefined {
    if (this.#slots.remove(slot)) this.#mappedBytes -= slot.length
    if (this.#recent === slot) this.#recent = NO_SLOT
    this.#gone()
    this.#active.remove(slot)
    return slot.drop()
  }

  /** Created at the first change, since a file may be open for reading only. */
  #storeWindow(): StoreWindow | undefined {
    if (this.#stores === undefined) this.#stores = this.#file.storeWindow(this.#options.mappedBytesMax) ?? null
    return this.#stores ?? undefined
  }

  #openTurn(): void {
    if (this.#isTurnOpen) return
    this.#isTurnOpen = true
    atTurnEnd(this)
  }

  #suspend(): void {
    this.#isTurnOpen = false
    this.#suspendAll()
  }

  #suspendAll(): void {
    this.#lookups?.end()
    this.#active.suspend()
    this.#gone()
  }

  #assertOpen(): void {
    if (this.#isClosed)
      throw new StrideError('ERR_STRIDE_CLOSED', `${this.#file.path} is closed`, { path: this.#file.path })
  }
}

function isNoRoom(error: unknown): boolean {
  return error instanceof StrideError && ['ERR_STRIDE_LIMIT', 'ERR_STRIDE_NO_SPACE'].includes(error.code)
}
