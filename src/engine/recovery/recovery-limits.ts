/**
 * Limits of recovery: its work before a store is open, its memory, and the work that a writer leaves to it. Tests use smaller ones.
 */

export interface RecoveryLimits {
  /** At most so many changes are stored in the file before the store is open. More of them are stored afterwards, in turns. */
  readonly changesAtOnce: number
  /** A journal of at most so many bytes is made durable before the store is open, a larger one afterwards, in turns. */
  readonly journalBytesAtOnce: number
  /** Cache for the bytes of a journal. Bytes that do not fit are read again when needed. */
  readonly journalBytesKept: number
  /** A writer leaves a segment of its journal after so many changes. Recovery may find two segments. */
  readonly changesPerSegment: number
}

export const RECOVERY_LIMITS: RecoveryLimits = {
  changesAtOnce: 4096,
  /** Twice the default of `journalBytes`. */
  journalBytesAtOnce: 32 * 1024 * 1024,
  journalBytesKept: 128 * 1024 * 1024,
  /** 32 MiB for each segment while they are sorted (journal/net-changes.ts). */
  changesPerSegment: 2 ** 21,
}
