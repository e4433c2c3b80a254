/**
 * What is a window of a pool, and until when may its holder read it?
 *
 *   WD1  check `view` before each use. Null means that the bytes are gone: the pool slid the window away, the turn of the event loop
 *        ended, or the file was closed. Acquire again then. Never keep `view` or `bytes` in a variable across a call that may
 *        acquire.
 * How windows slide: create-window-pool.ts.
 */

import type { Pieces } from '../pieces.ts'
import type { Advice } from '../platform.ts'

export interface Window {
  /** The bytes; null once the window is gone. */
  view: DataView | null
  /** The same memory as a Buffer, for text. Valid as long as view is not null. */
  readonly bytes: Buffer
  /** File offset of the first byte. */
  readonly start: number
  /** File offset behind the last byte. */
  readonly end: number
  /** True if a live pool gave a copy (`readsFirst`). Do not keep it, and acquire again for each use. */
  readonly isCopy?: boolean
}

export interface WindowStats {
  /** How many windows show something now. */
  readonly windows: number
  readonly mappedBytes: number
  /** Bytes of the mapped windows that are in memory, from the system (mincore). */
  readonly residentBytes: number
  /** How often a window was pointed at another part of the file since opening. */
  readonly slides: number
}

export interface WindowOptions {
  /** Bytes between the starts of neighbouring windows: a power of two, at least 64 KiB. */
  readonly windowBytes: number
  /** Bound on the bytes of all windows together; one window is always allowed. */
  readonly mappedBytesMax: number
  /** The longest item. Each window reaches so far into the next one, so no item is split. */
  readonly itemBytesMax: number
  readonly advice: Advice
  /** Whether lookups (acquire without `ahead`) read copies by position until a window pays. */
  readonly readsFirst?: boolean
}

/** Sliding windows over one file. The least recently used one is replaced first. */
export interface WindowPool {
  /** Whether windows show the file itself; otherwise they are copies (backend 'file'). */
  readonly live: boolean
  /**
   * The window that contains all of [offset, offset + length); length is at most itemBytesMax. Checks the file's size at the first call
   * in each turn of the event loop, and whenever a window slides.
   * @param ahead bytes that the caller will read in order from offset on. A copying pool reads so much at once, a live one reads ahead
   * @throws ERR_STRIDE_TRUNCATED, _CLOSED, _NO_SPACE (no address space), _IO
   */
  acquire(offset: number, length: number, ahead?: number): Window
  /** Checks the file's size now. @throws ERR_STRIDE_TRUNCATED if it is below the end set by setEnd */
  checkSize(): void
  /** Like `checkSize`, but once in a turn of the event loop. */
  checkSizeOnce(): void
  /** Sets the end of the readable part of the file, in bytes. It grows with the store. */
  setEnd(end: number): void
  /**
   * Makes the view of every token null for ever. The windows stay, and the next acquire of each gives a new token, without checking the
   * file's size. The engine calls it when the record of a held row has changed elsewhere.
   */
  expire(): void
  /**
   * From now on calls `gone` each time the view of a token of a live pool has become null, so that a view kept outside its token can be
   * dropped. There is one watcher for each pool. A copying pool does not call it.
   */
  watch(gone: () => void): void
  /** Keeps a window from sliding away until as many calls of unpin. Pinned windows still end at close(). */
  pin(window: Window): void
  unpin(window: Window): void
  /** Stores bytes into the file. Windows show them at once. */
  store(bytes: Uint8Array, offset: number): void
  /** Changed pages of a block from which on `storePieces` costs less than `store`. Infinity if the file has no StoreWindow. */
  readonly piecesFrom: number
  /** Stores pieces that begin in one block. Windows show them at once. */
  storePieces(pieces: Pieces): void
  /** Brings ascending ranges into memory off the event loop. May be closed meanwhile. */
  prefetch(ranges: readonly { readonly offset: number; readonly length: number }[]): Promise<void>
  /** Asks the system to read a range into its cache soon; returns at once. */
  readAhead(offset: number, length: number): void
  /** Whether the page at this offset is in memory; true if that is not known. */
  isResident(offset: number): boolean
  /** Drops every window that is not pinned, and releases its memory. */
  trim(): void
  stats(): WindowStats
  /** Ends all windows. Does not wait: running prefetches keep their memory until they end. */
  close(): void
}
