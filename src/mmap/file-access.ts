/**
 * Whose a created file is: the owner, the group and the permission bits of another one, as far as this process may give them.
 *
 *   FA1  a file that is created for a store can be used by whoever can use the store, whichever user made it. The umask takes nothing away.
 *   FA2  nobody gets rights by it that he does not have on the other file.
 */

import * as fs from 'node:fs'
import { withCodes } from './system-errors.ts'

/** What is taken over of a file. */
export type FileAccess = Pick<fs.Stats, 'uid' | 'gid' | 'mode'>

export function takeAccess(fd: number, path: string, { uid, gid, mode }: FileAccess): void {
  const own = withCodes(path, () => fs.fstatSync(fd))
  if (process.platform !== 'win32' && (own.uid !== uid || own.gid !== gid)) {
    // Only the superuser gives files away; a group may be given by its members.
    if (!tryTo(() => fs.fchownSync(fd, uid, gid))) tryTo(() => fs.fchownSync(fd, own.uid, gid))
  }
  const now = withCodes(path, () => fs.fstatSync(fd))
  // Members of another group are to it what all others are to the other file.
  const forGroup = now.gid === gid ? mode & 0o070 : (mode & 0o007) << 3
  const bits = (mode & 0o707) | forGroup
  if ((now.mode & 0o777) !== bits) tryTo(() => fs.fchmodSync(fd, bits))
}

/** File systems without owners or bits refuse; the file is then as they make it. */
function tryTo(change: () => void): boolean {
  try {
    change()
    return true
  } catch {
    return false
  }
}
