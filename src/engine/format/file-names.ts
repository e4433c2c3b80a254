/**
 * The names of a store's files: the data file's path with an ending.
 *
 * Names of files that are still being written: whole-files/temporary-files.ts.
 */

/** The journal: commits that are not in the data file yet. @param path of the data file, as in all functions here */
export function journalPathOf(path: string): string {
  return `${path}-journal`
}

/** Frames that the journal does not need any more and kept snapshots do (journal/kept-frames.ts). */
export function keptPathOf(path: string): string {
  return `${path}-kept`
}

/** The file that a writer locks. Its content is the queue of writers by turns (sharing/turn-queue.ts). */
export function lockPathOf(path: string): string {
  return `${path}-lock`
}

/** The file into which a writer stores a byte after each commit, for those who watch it. */
export function bellPathOf(path: string): string {
  return `${path}-bell`
}

/** The positions of named consumers of a tail. */
export function consumersPathOf(path: string): string {
  return `${path}-consumers`
}

/** The file with all indexes of the store. */
export function indexPathOf(path: string): string {
  return `${path}-index`
}

/** The index file of a compacted data file, until it gets its final name. */
export function nextIndexPathOf(path: string): string {
  return `${indexPathOf(path)}-next`
}
