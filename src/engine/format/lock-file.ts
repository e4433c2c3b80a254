/**
 * What do the bytes of the lock file mean? Most of them are only locked. Its content is the queue of writers by turns, the commits that
 * kept snapshots need, and what the last turn handed over.
 *
 * Taking the locks: sharing/locks.ts. The queue: sharing/turn-queue.ts. Kept snapshots: sharing/keepers.ts. What is handed over:
 * handover-format.ts.
 */

/** Locked by the writer. */
export const WRITER_BYTE = 0
/** Locked by any opener on a network file system, where one opener at a time is allowed. */
export const NETWORK_BYTE = 1
/** Locked by the writer while its words in the shared page are valid. */
export const READY_BYTE = 2
/** Locked for a moment by who joins the queue. */
export const JOINING_BYTE = 64
/** Locked by who has the first place of the queue; the next bytes by those who have the other places. */
export const FIRST_PLACE_BYTE = 65
/** Places of the queue. */
export const PLACES = 64
/** The content has so many bytes for each place: a little-endian float64, the number of who has the place, or 0. */
export const PLACE_BYTES = 8
/** Locked by who keeps a snapshot, for as long as it is open: this byte or one of the next. */
export const FIRST_KEEPER_BYTE = FIRST_PLACE_BYTE + PLACES
/** The most snapshots that can be kept at once. */
export const KEEPERS = 64
/** Behind the queue the content has for each keeper a little-endian float64, the commit that it keeps; 0 keeps everything. */
export const KEPT_COMMITS_AT = PLACES * PLACE_BYTES

/** File offset of the handover, behind the commits of the keepers. */
export const HANDOVER_OFFSET = KEPT_COMMITS_AT + KEEPERS * PLACE_BYTES
/** A holder locks this byte plus its random number, so that the number counts only while its process lives. */
export const FIRST_HOLDER_BYTE = 2 ** 40
/** The largest number of a holder. */
export const HOLDER_MAX = 2 ** 48
