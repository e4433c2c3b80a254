/**
 * What does the system offer that this process runs on? Mapping, help for files that are not mapped, or neither, with the reason.
 */

import { StrideError } from '../errors.ts'
import type { MappingSystem } from './mapping-system.ts'
import type { FileHelp } from './node-fs/file-platform.ts'
import type { Platform } from './platform.ts'
import { posixFileHelp } from './posix/file-help.ts'
import { createPosixMapping } from './posix/posix-mapping.ts'
import { createPosixPlatform, mappingObstacle as posixObstacle } from './posix/posix-platform.ts'
import { systemCalls } from './posix/system-calls.ts'
import { watchWorkers } from './posix/thread-ends.ts'
import { win32Calls } from './win32/win32-calls.ts'
import { createWin32Mapping } from './win32/win32-mapping.ts'
import { createWin32Platform, win32FileHelp, mappingObstacle as win32Obstacle } from './win32/win32-platform.ts'

export interface ThisSystem {
  createPlatform(): Platform
  createMapping(): MappingSystem
  readonly fileHelp: FileHelp
  /** Why nothing can be mapped, although the system's functions are bound. */
  obstacle(): string | undefined
}

export type ThisSystemResult =
  | { readonly system: ThisSystem; readonly reason?: undefined }
  | { readonly system?: undefined; readonly reason: string }

let found: ThisSystemResult | undefined

// When this file is loaded, since workers may be started before the first file is opened.
watchWorkers()

/** Determined once in a process. */
export function thisSystem(): ThisSystemResult {
  found ??= process.platform === 'win32' ? windows() : posix()
  return found
}

function windows(): ThisSystemResult {
  const { calls, reason } = win32Calls()
  if (calls === undefined) return { reason }
  return {
    system: {
      createPlatform: () => createWin32Platform(calls),
      createMapping: () => createWin32Mapping(calls),
      fileHelp: win32FileHelp(calls),
      obstacle: () => win32Obstacle(calls),
    },
  }
}

function posix(): ThisSystemResult {
  const { calls, reason } = systemCalls()
  if (calls === undefined) return { reason }
  return {
    system: {
      createPlatform: () => createPosixPlatform(calls),
      createMapping: () => createPosixMapping(calls),
      fileHelp: posixFileHelp(calls),
      obstacle: () => posixObstacle(calls),
    },
  }
}

let mapping: MappingSystem | undefined

/** @param what for the message @throws ERR_STRIDE_NOT_MAPPABLE if nothing can be mapped */
export function mappingSystem(what: string): MappingSystem {
  if (mapping !== undefined) return mapping
  const { system, reason } = thisSystem()
  const obstacle = system === undefined ? reason : system.obstacle()
  if (system === undefined || obstacle !== undefined) {
    throw new StrideError('ERR_STRIDE_NOT_MAPPABLE', `${what} cannot be mapped: ${obstacle}`, { path: what })
  }
  mapping = system.createMapping()
  return mapping
}
