/**
 * How much is written: by this process, and to the disk that the files lie on.
 *
 * Neither count alone is right. The kernel charges a process with the whole folio when a page of it becomes dirty, which may be
 * 2 MiB for a write of 4 KiB that reaches the disk as 4 KiB. The disk's count has what other processes write as well.
 */

import { readFileSync, statSync } from 'node:fs'

const SECTOR_BYTES = 512

export interface Written {
  /** write_bytes of /proc/self/io, all threads; NaN where the system does not say. */
  readonly byProcess: number
  /** Sectors of /sys/dev/block, in bytes; NaN where the system does not say. */
  readonly toDisk: number
}

/** What has been written since the system started. */
export function writtenSoFar(folder: string): Written {
  return { byProcess: bytesByProcess(), toDisk: bytesToDisk(folder) }
}

function bytesByProcess(): number {
  try {
    const line = /^write_bytes: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))
    return line === null ? Number.NaN : Number(line[1])
  } catch {
    return Number.NaN
  }
}

function bytesToDisk(folder: string): number {
  try {
    const { dev } = statSync(folder)
    // The numbers as Linux packs them into st_dev.
    const major = (dev >>> 8) & 0xfff
    const minor = (dev & 0xff) | ((dev >>> 12) & 0xfff00)
    const fields = readFileSync(`/sys/dev/block/${major}:${minor}/stat`, 'utf8').trim().split(/\s+/)
    return Number(fields[6]) * SECTOR_BYTES
  } catch {
    return Number.NaN
  }
}
