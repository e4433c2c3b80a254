/**
 * How much does recovery do before a store is open, how much memory does it use, and how much does a writer leave to it? Tests use
 * smaller limits.
 */

export interface RecoveryLimits {
  /** Before the store is open so many changes go into the file; more of them go there in turns. */
  readonly changesAtOnce: number
  /** A journal of so many bytes is made durable before the store is open; a larger one in turns. */
  readonly journalBytesAtOnce: number
  /** Of a journal so many bytes are kept in memory; what is beyond is read again. */
  readonly journalBytesKept: number
  /** After so many changes a writer leaves a segment of its journal, of which recovery may find two. */
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
