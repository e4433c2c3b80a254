/**
 * The windows of a pool by their number: buckets of linked slots, the last one used in front.
 *
 * Not a Map: one whose entries come and go rebuilds itself every few dozen changes, and each of its former tables
 * points to the next, so that all of them, and the slots in them, outlive the collections of young objects.
 * `npm run bench -- garbage` counted a whole collection each 60,000 slides for it.
 */

import { WindowSlot } from './window-slot.ts'

const BUCKETS = 1024
const BUCKET_MASK = BUCKETS - 1
/** Stands where there is no slot: its number is never asked for. */
export const NO_SLOT = new WindowSlot()

export class SlotTable {
  /** The slot of each bucket that was used last, or NO_SLOT. */
  readonly #heads: WindowSlot[] = new Array<WindowSlot>(BUCKETS).fill(NO_SLOT)
  readonly #all: WindowSlot[] = []

  get size(): number {
    return this.#all.length
  }

  /** In no order; do not add or remove meanwhile: copy first. */
  get all(): readonly WindowSlot[] {
    return this.#all
  }

  /** The slot in front of the bucket of k, which may be the one that shows k: compare. */
  head(k: number): WindowSlot {
    return this.#heads[k & BUCKET_MASK] as WindowSlot
  }

  /** The slot that shows window k, in front of its bucket from now on. */
  find(k: number): WindowSlot | undefined {
    const bucket = k & BUCKET_MASK
    const head = this.#heads[bucket] as WindowSlot
    if (head.k === k) return head
    let before = head
    for (let slot = head.next; slot !== undefined; slot = slot.next) {
      if (slot.k === k) {
        before.next = slot.next
        slot.next = head
        this.#heads[bucket] = slot
        return slot
      }
      before = slot
    }
    return undefined
  }

  add(slot: WindowSlot): void {
    const bucket = slot.k & BUCKET_MASK
    const head = this.#heads[bucket] as WindowSlot
    slot.next = head === NO_SLOT ? undefined : head
    this.#heads[bucket] = slot
    slot.tableAt = this.#all.length
    this.#all.push(slot)
  }

  /** Whether the slot was in the table. Its `k` is still the one it was added with. */
  remove(slot: WindowSlot): boolean {
    const at = slot.tableAt
    if (at < 0) return false
    const last = this.#all.pop() as WindowSlot
    if (last !== slot) {
      this.#all[at] = last
      last.tableAt = at
    }
    slot.tableAt = -1
    this.find(slot.k)
    // In front now; a slot that left points to nothing, or it would keep others alive.
    this.#heads[slot.k & BUCKET_MASK] = slot.next ?? NO_SLOT
    slot.next = undefined
    return true
  }
}
