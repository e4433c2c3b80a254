/**
 * Is a path on a network file system, whose mappings and locks cannot be trusted?
 *
 * Two machines that map one file of such a file system each have a cache of their own. Linux: the type that statfs(2) returns decides.
 * Windows: the path decides, a share or the letter of a drive that stands for a share. macOS: node:fs does not show the type, so the
 * answer is always no.
 */

import * as fs from 'node:fs'
import { dirname, resolve } from 'node:path'

/** f_type of statfs(2): linux/magic.h, and the file systems' own headers. */
const NETWORK_TYPES: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x65735546, 'FUSE'],
  [0x01021997, '9P'],
  [0x00c36400, 'Ceph'],
  [0x0bd00bd0, 'Lustre'],
  [0x5346414f, 'AFS'],
  [0x73757245, 'Coda'],
  [0x564c, 'NCP'],
  [0x7461636f, 'OCFS2'],
  [0x01161970, 'GFS2'],
  [0xaad7aaea, 'PanFS'],
])

/** The name of the network file system; undefined if it is local. For a file that does not exist its folder is checked. */
export function networkFileSystem(path: string): string | undefined {
  if (process.platform === 'win32') return windowsShare(path)
  if (process.platform !== 'linux') return undefined
  for (const place of [path, dirname(path)]) {
    try {
      return NETWORK_TYPES.get(Number(fs.statfsSync(place).type) >>> 0)
    } catch {
      // It does not exist. Its folder is checked, and opening reports what is wrong.
    }
  }
  return undefined
}

/** A path of the form \\server\share, given or behind a drive's letter. \\?\ and \\.\ belong to this machine. */
function windowsShare(path: string): string | undefined {
  for (const place of [path, dirname(path)]) {
    let named = resolve(place)
    try {
      named = fs.realpathSync.native(named)
    } catch {
      // It does not exist. Its folder is checked.
    }
    if (/^\\\\(\?\\UNC\\|[^?.\\])/i.test(named)) return 'a Windows share'
  }
  return undefined
}
