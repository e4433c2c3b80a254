/**
 * What are the files of a store called? Each name is the data file's path with an ending.
 *
 * Files that are written under another name first, and then get one of these: file/beside-files.ts.
 */

/** Commits that are not in the data file yet. @param path the data file's, as of all functions here */
export function journalPathOf(path: string): string {
  return `${path}-journal`
}

/** The file that a writer holds locked; it has no contents. */
export function lockPathOf(path: string): string {
  return `${path}-lock`
}

/** All indexes of the store. */
export function indexPathOf(path: string): string {
  return `${path}-index`
}

/** The index file that counts once compact has put its new data file in place. */
export function nextIndexPathOf(path: string): string {
  return `${indexPathOf(path)}-next`
}
