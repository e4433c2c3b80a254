/**
 * File systems for a test: mounted here, and gone again however the test ends.
 *
 * Needs root and mount(8). What a test leaves mounted is unmounted when its process exits.
 */

import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const MIB = 1024 * 1024
const mounted: string[] = []

/** Why mounting will not work here; undefined where it does. */
export function whyNoMounts(kind: 'tmpfs' | 'ext4'): string | undefined {
  if (process.platform !== 'linux') return 'not Linux'
  if (process.getuid?.() !== 0) return 'not root'
  const folder = mkdtempSync(join(tmpdir(), 'stridedb-try-'))
  try {
    const files = join(folder, 'files')
    mountTmpfs(files, 16 * MIB)
    if (kind === 'tmpfs') return undefined
    const image = join(files, 'image')
    makeExt4(image, 8 * MIB)
    mountImage(image, join(folder, 'ext4'))
    return undefined
  } catch (error) {
    const { stderr, message } = error as { stderr?: Buffer; message: string }
    return `${(stderr?.toString() || message).trim().split('\n')[0]}`
  } finally {
    unmountUnder(folder)
    rmSync(folder, { recursive: true, force: true })
  }
}

export function mountTmpfs(folder: string, bytes: number): void {
  mount(folder, ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs'])
}

/** An empty ext4 of that size in a file. */
export function makeExt4(image: string, bytes: number): void {
  run('truncate', ['-s', String(bytes), image])
  run('mkfs.ext4', ['-q', '-F', '-m', '0', image])
}

/** Mounts a file through a loop device, which goes with the mount. */
export function mountImage(image: string, folder: string): void {
  mount(folder, ['-o', 'loop', image])
}

/** Unmounts whatever is mounted there or below, the last one first. */
export function unmountUnder(folder: string): void {
  for (const place of mounted.filter(each => each === folder || each.startsWith(`${folder}/`)).reverse()) {
    try {
      run('umount', [place])
    } catch {
      // A file is still open there. The mount ends once it is closed.
      run('umount', ['-l', place])
    }
    mounted.splice(mounted.indexOf(place), 1)
  }
}

function mount(folder: string, options: readonly string[]): void {
  mkdirSync(folder, { recursive: true })
  run('mount', [...options, folder])
  if (mounted.length === 0) process.once('exit', () => unmountUnder(''))
  mounted.push(folder)
}

function run(command: string, options: readonly string[]): void {
  execFileSync(command, options, { stdio: ['ignore', 'ignore', 'pipe'], timeout: 20_000 })
}
