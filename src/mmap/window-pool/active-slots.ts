/**
 * The windows whose tokens may be read now: until the turn of the event loop ends, or something changes.
 */

import type { WindowSlot } from './window-slot.ts'

export class ActiveSlots {
  #slots: WindowSlot[] = []

  add(slot: WindowSlot): void {
    if (slot.activeAt >= 0) return
    slot.activeAt = this.#slots.length
    this.#slots.push(slot)
  }

  /** Slots that slid away are not kept until the turn ends: a long turn has many. */
  remove(slot: WindowSlot): void {
    const at = slot.activeAt
    if (at < 0) return
    const last = this.#slots.pop() as WindowSlot
    if (last !== slot) {
      this.#slots[at] = last
      last.activeAt = at
    }
    slot.activeAt = -1
  }

  /** Nobody reads any of them without asking again. */
  suspend(): void {
    for (const slot of this.#slots) {
      slot.suspend()
      slot.activeAt = -1
    }
    this.#slots = []
  }
}
