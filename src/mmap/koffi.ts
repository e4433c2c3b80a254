/**
 * koffi, loaded when a file is first opened and never before.
 *
 * Importing this library must be quick and must not fail where koffi has no build for the machine: then the
 * file backend remains, and `reason` says why. Only src/mmap asks for koffi.
 * Which C functions are bound: posix/system-calls.ts.
 */

import { createRequire } from 'node:module'

/** A bound C function. `async` runs it in Node's thread pool; koffi.errno() is right inside the callback only. */
export interface ForeignFunction {
  (...args: unknown[]): unknown
  async(...args: unknown[]): void
}

export interface ForeignLibrary {
  func(name: string, result: string, parameters: readonly string[]): ForeignFunction
}

/** What is used of koffi. */
export interface Koffi {
  /** null: what the process itself has loaded, so that LD_PRELOAD is honoured. */
  load(path: string | null): ForeignLibrary
  /** Aborts the process where length exceeds what the runtime allows: guard it first. */
  view(address: bigint, length: number): ArrayBuffer
  errno(): number
}

export type KoffiResult =
  | { readonly koffi: Koffi; readonly reason?: undefined }
  | { readonly koffi?: undefined; readonly reason: string }

let result: KoffiResult | undefined

/** Loads koffi once; a failure is remembered and explained, not thrown. */
export function loadKoffi(): KoffiResult {
  if (result === undefined) {
    try {
      result = { koffi: createRequire(import.meta.url)('koffi') as Koffi }
    } catch (error) {
      result = { reason: `koffi does not load here: ${error instanceof Error ? error.message : String(error)}` }
    }
  }
  return result
}
