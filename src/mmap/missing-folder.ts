/**
 * Which folder of a path is missing, or is no folder? For the message of an error about a missing file.
 */

import { statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

/** The missing folder as part of a message; undefined if the file's folder exists. */
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
