/**
 * How much memory does this process hold? By /proc/self/status; NaN where the system does not say.
 */

import { readFileSync } from 'node:fs'

/** Pages of files that this process has mapped and touched, in bytes. */
export function residentFileBytes(): number {
  return statusBytes('RssFile')
}

/** Memory of its own, heap and buffers, in bytes. */
export function residentOwnBytes(): number {
  return statusBytes('RssAnon')
}

function statusBytes(name: string): number {
  try {
    const line = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))
    return line === null ? Number.NaN : Number(line[1]) * 1024
  } catch {
    return Number.NaN
  }
}
