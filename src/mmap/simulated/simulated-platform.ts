/**
 * How does platform.ts work in memory? For stores without a disk, and for tests that decide what a crash leaves.
 *
 * A path is only a name; folders need not exist. Two platforms share nothing.
 */

import { dirname } from 'node:path'
import { StrideError } from '../../errors.ts'
import type { OpenFileOptions, Platform, PlatformFile } from '../platform.ts'
import { type DiskObserver, type SimulatedContent, SimulatedDisk } from './simulated-disk.ts'
import { SimulatedFile } from './simulated-file.ts'

export interface SimulatedPlatformOptions {
  /** Called before each change. If it throws, the call fails, and nothing has changed (except by a failed sync). */
  readonly observer?: DiskObserver
  /**
   * Files that exist from the beginning, by path. Bytes are copied before they are changed, so that many disks may share them. The
   * observer is not called for them.
   */
  readonly files?: Iterable<readonly [path: string, bytes: Uint8Array]>
}

export interface SimulatedPlatform extends Platform {
  readonly name: 'simulated'
  /** Copies of all files, by path. */
  files(): Map<string, Uint8Array>
}

export function createSimulatedPlatform(options: SimulatedPlatformOptions = {}): SimulatedPlatform {
  const disk = new SimulatedDisk(event => observing && options.observer?.(event))
  let observing = false
  for (const [path, bytes] of options.files ?? []) disk.create(path).borrow(bytes)
  observing = true

  const find = (path: string): SimulatedContent => {
    const content = disk.names.get(path)
    if (content === undefined) throw notFound(path)
    return content
  }
  return {
    name: 'simulated',
    granularity: 4096,
    open: (path, openOptions) => open(disk, path, openOptions),
    exists: path => disk.names.has(path),
    resolve: path => path,
    rename(from, to) {
      const content = find(from)
      disk.observe({ kind: 'rename', file: content.file, from, to })
      disk.names.delete(from)
      disk.names.set(to, content)
    },
    renameNew(from, to) {
      const content = find(from)
      if (disk.names.has(to)) throw taken(to)
      disk.observe({ kind: 'rename', file: content.file, from, to })
      disk.names.delete(from)
      disk.names.set(to, content)
    },
    remove(path) {
      disk.observe({ kind: 'remove', file: find(path).file, path })
      disk.names.delete(path)
    },
    syncFolder: path => disk.syncFolder(dirname(path)),
    obstacle: () => undefined,
    isNetworkPath: () => false,
    files() {
      const copies = new Map<string, Uint8Array>()
      for (const [path, content] of disk.names) {
        const bytes = new Uint8Array(content.size)
        content.read(bytes, 0)
        copies.set(path, bytes)
      }
      return copies
    },
  }
}

function open(disk: SimulatedDisk, path: string, options: OpenFileOptions): PlatformFile {
  const { access, create = 'never' } = options
  let content = disk.names.get(path)
  if (content !== undefined && create === 'always') {
    throw taken(path)
  }
  if (content === undefined && create === 'never') throw notFound(path)
  content ??= disk.create(path)
  return new SimulatedFile(disk, path, content, access)
}

function taken(path: string): StrideError {
  return new StrideError('ERR_STRIDE_EXISTS', `open failed with EEXIST, the file exists: ${path}`, {
    path,
    syscall: 'open',
  })
}

function notFound(path: string): StrideError {
  return new StrideError('ERR_STRIDE_NOT_FOUND', `open failed with ENOENT, there is no such file: ${path}`, {
    path,
    syscall: 'open',
  })
}
