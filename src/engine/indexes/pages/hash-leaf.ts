/**
 * A page of a hash index: entries in the order of their hashes, found by ordered linear probing (Amble and Knuth, 1974).
 *
 * A page contains one range of hashes. The home of an entry is the place that is proportional to the position of its hash in that range. A
 * search begins there, ends at the first larger hash, and thus touches one or two cache lines. Pages are rewritten as a whole, so no entry
 * is ever moved.
 *   HL1  an entry is at or behind its home, and no place between both is free.
 *   HL2  a page in which many hashes are too close for that is packed: it has no free places, and is searched by binary search.
 */

import { NO_NUMBER, PAGE_ENTRIES_BYTES, PAGE_FIELD_AT } from '../../format/index-format.ts'
import type { EntryBuffer } from '../keys/entry-words.ts'
import type { LeafFormat, PageBytes, PageRange, PlacedPage } from './leaf-format.ts'

export const HASH_ENTRY_BYTES = 8
export const HASH_PLACES = Math.floor(PAGE_ENTRIES_BYTES / HASH_ENTRY_BYTES)
/** Homes are in the first so many places. Entries of the last homes may be behind them. */
const HOMES = HASH_PLACES - 17
const CAPACITY = 470
const TARGET = 410

/** The scale of a page with these fences: the home of a hash is (hash - low) times this, rounded down. */
export function homesPerHash(low: number, high: number): number {
  return high > low ? HOMES / (high - low) : 0
}

export const HASH_LEAF: LeafFormat = {
  entryWords: 2,
  capacity: CAPACITY,
  target: TARGET,

  writeEntries(entries: EntryBuffer, from: number, count: number, range: PageRange, page: PageBytes): boolean {
    const { data } = entries
    const { bytes, view } = page
    const isPacked = !spread(data, from, count, range)
    const start = PAGE_FIELD_AT.entries
    // A free place has the highest hash, which ends every search, and NO_NUMBER.
    bytes.fill(0xff, start, start + HASH_PLACES * HASH_ENTRY_BYTES)
    for (let i = 0; i < count; i++) {
      const at = start + (isPacked ? i : (PLACES[i] as number)) * HASH_ENTRY_BYTES
      view.setUint32(at, data[(from + i) * 2] as number, true)
      view.setUint32(at + 4, data[(from + i) * 2 + 1] as number, true)
    }
    return isPacked
  },

  readEntries(view: DataView, at: number, count: number, isPacked: boolean, out: EntryBuffer): void {
    out.reserve(HASH_PLACES)
    const start = at + PAGE_FIELD_AT.entries
    const places = isPacked ? Math.min(count, HASH_PLACES) : HASH_PLACES
    const { data } = out
    let to = out.count * 2
    for (let place = 0; place < places; place++) {
      const number = view.getUint32(start + place * HASH_ENTRY_BYTES + 4, true)
      if (!isPacked && number === NO_NUMBER) continue
      data[to++] = view.getUint32(start + place * HASH_ENTRY_BYTES, true)
      data[to++] = number
    }
    out.count = to / 2
  },

  hasEntry(
    view: DataView,
    at: number,
    { count, isPacked, low, high }: PlacedPage,
    entry: Uint32Array,
  ): boolean {
    const [hash, number] = entry as unknown as readonly [number, number]
    const start = at + PAGE_FIELD_AT.entries
    const places = isPacked ? Math.min(count, HASH_PLACES) : HASH_PLACES
    let place = isPacked
      ? lowerPlace(view, start, places, hash, number)
      : Math.floor((hash - low) * homesPerHash(low, high))
    for (; place < places; place++) {
      const found = view.getUint32(start + place * HASH_ENTRY_BYTES, true)
      const foundNumber = view.getUint32(start + place * HASH_ENTRY_BYTES + 4, true)
      if (foundNumber === NO_NUMBER || found > hash || (found === hash && foundNumber >= number)) {
        return found === hash && foundNumber === number
      }
    }
    return false
  },
}

/** The place of the first packed entry that is not before an entry. */
function lowerPlace(view: DataView, start: number, places: number, hash: number, number: number): number {
  let low = 0
  let high = places
  while (low < high) {
    const middle = (low + high) >>> 1
    const found = view.getUint32(start + middle * HASH_ENTRY_BYTES, true)
    const isBefore =
      found === hash ? view.getUint32(start + middle * HASH_ENTRY_BYTES + 4, true) < number : found < hash
    if (isBefore) low = middle + 1
    else high = middle
  }
  return low
}

/** The places of the entries of the page that is being written. */
const PLACES = new Uint16Array(HASH_PLACES)

/** Assigns places at or behind the homes. @returns false if there are not enough places */
function spread(data: Uint32Array, from: number, count: number, { low, high }: PageRange): boolean {
  const scale = homesPerHash(low, high)
  let next = 0
  for (let i = 0; i < count; i++) {
    const home = Math.floor(((data[(from + i) * 2] as number) - low) * scale)
    const place = Math.max(home, next)
    if (place >= HASH_PLACES) return false
    PLACES[i] = place
    next = place + 1
  }
  return true
}
