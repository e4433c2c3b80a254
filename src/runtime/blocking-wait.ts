/**
 * How does a synchronous call wait? By blocking its thread, event loop included.
 */

const NOBODY_WAKES = new Int32Array(new SharedArrayBuffer(4))

export function blockFor(milliseconds: number): void {
  Atomics.wait(NOBODY_WAKES, 0, 0, milliseconds)
}
