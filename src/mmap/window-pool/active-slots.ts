/**
 * Which windows have tokens that may be read now? They are valid until the turn of the event loop ends, or something changes.
 */

import type { WindowSlot } from './window-slot.ts'

export class ActiveSlots {
  #slots: WindowSlot[] = []

  add(slot: WindowSlot): void {
    if (slot.activeAt >= 0) return
    slot.activeAt = this.#slots.length
    this.#slots.push(slot)
  }

  /** Slots that slid away are removed before the turn ends, since a long turn may have many. */
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

  /** Suspends all tokens: each window must be acquired again. */
  suspend(): void {
    for (const slot of this.#slots) {
      slot.suspend()
      slot.activeAt = -1
    }
    this.#slots = []
  }
}
