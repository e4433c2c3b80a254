/**
 * Which slot shows the window with a number? Buckets of linked slots, the last used one in front.
 *
 * It is not a Map. A Map with changing entries rebuilds its table every few dozen changes, and each old table points to the next. All of
 * them, with the slots in them, then survive collections of young objects. `npm run bench -- garbage` counted a full collection each
 * 60,000 slides with a Map.
 */

import { WindowSlot } from './window-slot.ts'

const BUCKETS = 1024
const BUCKET_MASK = BUCKETS - 1
/** Used where there is no slot. No window has its number. */
export const NO_SLOT = new WindowSlot()

export class SlotTable {
  /** The slot of each bucket that was used last, or NO_SLOT. */
  readonly #heads: WindowSlot[] = new Array<WindowSlot>(BUCKETS).fill(NO_SLOT)
  readonly #all: WindowSlot[] = []

  get size(): number {
    return this.#all.length
  }

  /** All slots in no order. Copy the list before adding or removing slots in a loop. */
  get all(): readonly WindowSlot[] {
    return this.#all
  }

  /** The first slot in the bucket of k. The caller checks whether it shows k. */
  head(k: number): WindowSlot {
    return this.#heads[k & BUCKET_MASK] as WindowSlot
  }

  /** The slot that shows window k, which becomes the first of its bucket. */
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

  /** Removes a slot, whose `k` must be the one it was added with. @returns whether it was in the table */
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
    // The slot is in front now. A removed slot must point to nothing, since it would keep others alive.
    this.#heads[slot.k & BUCKET_MASK] = slot.next ?? NO_SLOT
    slot.next = undefined
    return true
  }
}
