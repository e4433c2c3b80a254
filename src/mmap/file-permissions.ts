/**
 * Who may use a created file? It gets the owner, the group and the permission bits of another file, as far as this process may set them.
 *
 *   FA1  every user who can use a store can use a file that was created for it, whoever created it. The umask has no effect.
 *   FA2  no user gets a right that they do not have on the other file.
 */

import * as fs from 'node:fs'
import { withCodes } from './system-errors.ts'

/** The attributes that are copied from a file. */
export type FileAccess = Pick<fs.Stats, 'uid' | 'gid' | 'mode'>

export function takeAccess(fd: number, path: string, { uid, gid, mode }: FileAccess): void {
  const own = withCodes(path, () => fs.fstatSync(fd))
  if (process.platform !== 'win32' && (own.uid !== uid || own.gid !== gid)) {
    // Only the superuser may change the owner. Members of a group may set it.
    if (!tryTo(() => fs.fchownSync(fd, uid, gid))) tryTo(() => fs.fchownSync(fd, own.uid, gid))
  }
  const now = withCodes(path, () => fs.fstatSync(fd))
  // If the group differs, its members get the rights that others have on the other file.
  const forGroup = now.gid === gid ? mode & 0o070 : (mode & 0o007) << 3
  const bits = (mode & 0o707) | forGroup
  if ((now.mode & 0o777) !== bits) tryTo(() => fs.fchmodSync(fd, bits))
}

/** A file system without owners or permission bits refuses. The file then keeps what the file system gave it. */
function tryTo(change: () => void): boolean {
  try {
    change()
    return true
  } catch {
    return false
  }
}
