/**
 * A window: what its holder may read, and until when.
 *
 *   WD1  look at `view` before each use. Null means that the bytes are no longer there: the pool slid the window away, the turn of
 *        the event loop ended, or the file was closed. Acquire again then. Never keep `view` or `bytes` in a variable across a
 *        call that may acquire.
 * How windows slide: create-window-pool.ts.
 */

import type { Advice } from '../platform.ts'

export interface Window {
  /** Over `bytes`; null once the window has gone. */
  view: DataView | null
  /** The same memory as a Buffer, for text. Only valid while view is not null. */
  readonly bytes: Buffer
  /** File offset of the first byte. */
  readonly start: number
  /** File offset past the last byte. */
  readonly end: number
  /** True where a live pool answered with a copy (`readsFirst`): keep nothing of it, and acquire again for each use. */
  readonly isCopy?: boolean
}

export interface WindowStats {
  /** Windows that show something now. */
  readonly windows: number
  readonly mappedBytes: number
  /** Bytes of the mapped windows that are in memory, by asking the system (mincore). */
  readonly residentBytes: number
  /** How often a window was pointed at another part of the file since opening. */
  readonly slides: number
}

export interface WindowOptions {
  /** Bytes between the starts of neighbouring windows: a power of two, at least 64 KiB. */
  readonly windowBytes: number
  /** Bound on the sum of all windows shown at once; at least one window is always allowed. */
  readonly mappedBytesMax: number
  /** No item longer than this is ever split: each window reaches so far into the next one. */
  readonly itemBytesMax: number
  readonly advice: Advice
  /** Lookups (acquire without `ahead`) read by position until a window pays for itself; what they get are copies. */
  readonly readsFirst?: boolean
}

/** Sliding windows over one file, least recently used first to go. */
export interface WindowPool {
  /** True when windows show the file itself, false when they are copies (read/write backend). */
  readonly live: boolean
  /**
   * The window that holds [offset, offset + length) whole; length at most itemBytesMax.
   * `ahead`: bytes the caller is about to read in order from offset; a copying pool reads so much at once,
   * a live one may populate pages.
   * Checks the file's size on the first call of each event-loop turn and whenever a window slides.
   * @throws ERR_STRIDE_TRUNCATED, _CLOSED, _NO_SPACE (no address space), _IO
   */
  acquire(offset: number, length: number, ahead?: number): Window
  /** Asks the file for its size now. @throws ERR_STRIDE_TRUNCATED when it is below the extent set by setEnd */
  checkSize(): void
  /** Like `checkSize`, but once in a turn of the event loop. */
  checkSizeOnce(): void
  /** Where the readable part of the file ends, bytes. Grows with the store; windows reach no further. */
  setEnd(end: number): void
  /**
   * Makes the view of every token null for ever; the windows stay where they are, and the next acquire of each
   * answers with a new token, without a new size check. The engine calls it when what a held row shows has
   * changed elsewhere.
   */
  expire(): void
  /**
   * Calls `gone`, from now on and without an argument, each time the view of a token of a live pool has become null:
   * whoever keeps such a view outside its token gives it up then. One caller a pool; a copying pool says nothing.
   */
  watch(gone: () => void): void
  /** Keeps a window from sliding away until unpin (nests). Pinned windows still go at close(). */
  pin(window: Window): void
  unpin(window: Window): void
  /** Stores bytes into the file; windows show them. */
  store(bytes: Uint8Array, offset: number): void
  /** Brings ranges (pairs offset, length; ascending) into memory off the event loop. Safe against close(). */
  prefetch(ranges: readonly { readonly offset: number; readonly length: number }[]): Promise<void>
  /** Asks the system to read a range into its cache soon; returns at once. */
  readAhead(offset: number, length: number): void
  /** Whether the page at this offset is in memory; true where that cannot be known. */
  isResident(offset: number): boolean
  /** Lets go of every window that is not pinned, and of its memory. */
  trim(): void
  stats(): WindowStats
  /** Windows become null; waits for nothing: prefetches in flight keep their memory until they end. */
  close(): void
}
