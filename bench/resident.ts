/**
 * How much memory does this process hold? By /proc/self/status; NaN where the system does not say.
 */

import { readFileSync } from 'node:fs'

/** Pages of files that this process has mapped and touched, in bytes. */
export function residentFileBytes(): number {
  try {
    const line = /^RssFile:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))
    return line === null ? Number.NaN : Number(line[1]) * 1024
  } catch {
    return Number.NaN
  }
}
