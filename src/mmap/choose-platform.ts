/**
 * Which implementation of platform.ts opens a file: mapped, by position, or in memory?
 */

import { StrideError } from '../errors.ts'
import { networkFileSystem } from './network-path.ts'
import { createFilePlatform, withoutHelp } from './node-fs/file-platform.ts'
import type { Platform, PlatformFile } from './platform.ts'
import { createSimulatedPlatform } from './simulated/simulated-platform.ts'
import { thisSystem } from './this-system.ts'

/** How the bytes of a file are reached. */
export type Backend = 'mapped' | 'file' | 'memory'

export interface ChosenPlatform {
  readonly platform: Platform
  /** Why 'auto' does not map. */
  readonly reason?: string | undefined
}

type Mapping =
  | { readonly platform: Platform; readonly obstacle?: undefined }
  | { readonly platform?: undefined; readonly obstacle: string }

let mapping: Mapping | undefined
let positionedPlatform: Platform | undefined

/**
 * 'auto' maps if koffi and the file system allow it, and otherwise gives the reason. 'mapped' must map. 'memory' is a new, empty disk at
 * each call.
 * @throws ERR_STRIDE_NOT_MAPPABLE for 'mapped' if nothing can be mapped
 */
export function choosePlatform(backend: 'auto' | Backend, path: string): ChosenPlatform {
  if (backend === 'memory') return { platform: createSimulatedPlatform() }
  if (backend === 'file') return { platform: filePlatform() }
  mapping ??= findMapping()
  const { platform, obstacle } = mapping
  if (backend === 'mapped') {
    if (platform !== undefined) return { platform }
    throw new StrideError('ERR_STRIDE_NOT_MAPPABLE', `${path} cannot be mapped: ${obstacle}`, { path })
  }
  const network = networkFileSystem(path)
  if (network !== undefined) {
    return { platform: filePlatform(), reason: `${path} lies on a network file system (${network})` }
  }
  if (platform !== undefined) return { platform }
  const positioned = filePlatform()
  const locks = positioned.lockObstacle === undefined ? '' : '; locks hold within this process only'
  return { platform: positioned, reason: `${obstacle}${locks}` }
}

/**
 * Another platform for an open file that 'auto' chose to map but that cannot be mapped; undefined if it can. The file itself is
 * checked, since file systems differ: some map nothing, some nothing that may be stored to.
 */
export function insteadOfMapping(
  { platform }: ChosenPlatform,
  backend: 'auto' | Backend,
  file: PlatformFile,
): ChosenPlatform | undefined {
  if (backend !== 'auto') return undefined
  const reason = platform.obstacle(file)
  return reason === undefined ? undefined : { platform: filePlatform(), reason }
}

function filePlatform(): Platform {
  if (positionedPlatform === undefined) {
    const { system, reason } = thisSystem()
    positionedPlatform = createFilePlatform(system === undefined ? withoutHelp(reason) : system.fileHelp)
  }
  return positionedPlatform
}

function findMapping(): Mapping {
  const { system, reason } = thisSystem()
  if (system === undefined) return { obstacle: reason }
  const obstacle = system.obstacle()
  return obstacle === undefined ? { platform: system.createPlatform() } : { obstacle }
}

export function backendOf({ name }: Platform): Backend {
  if (name === 'simulated') return 'memory'
  return name === 'file' ? 'file' : 'mapped'
}
