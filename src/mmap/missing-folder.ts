/**
 * Why is there no file of this name: which folder of its path is missing, or is no folder?
 *
 * Asked for the message of an error that says so.
 */

import { statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

/** What stands in the way of the file, as part of a message; undefined where its folder is there. */
export function missingFolder(path: string): string | undefined {
  let obstacle: string | undefined
  let folder = dirname(resolve(path))
  for (;;) {
    const kind = kindOf(folder)
    if (kind === 'folder') return obstacle
    if (kind === 'file') return `${folder} is a file, not a folder`
    obstacle = `the folder ${folder} does not exist`
    const outer = dirname(folder)
    if (outer === folder) return obstacle
    folder = outer
  }
}

function kindOf(path: string): 'folder' | 'file' | 'nothing' {
  try {
    return statSync(path).isDirectory() ? 'folder' : 'file'
  } catch {
    return 'nothing'
  }
}
