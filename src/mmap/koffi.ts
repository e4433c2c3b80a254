/**
 * koffi, loaded when a file is first opened and never before.
 *
 * Importing this library must be quick and must not fail where koffi has no build for the machine: then the
 * file backend remains, and `reason` says why and what to add. Only src/mmap asks for koffi.
 *   KF1  no bundler takes koffi into a bundle: its native library would be lost. It is looked for when the program runs,
 *        beside this file, and beside the program's main file, which is where a bundle may have been moved to.
 * Which C functions are bound: posix/system-calls.ts. What each bundler must be told: docs/bundlers.md.
 */

import nodeModule from 'node:module'
import { isError } from '../runtime/realms.ts'

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

/** Defined in CommonJS alone, which a bundler may make of this. */
declare const __filename: string | undefined

let result: KoffiResult | undefined

/** Loads koffi once; a failure is remembered and explained, not thrown. */
export function loadKoffi(): KoffiResult {
  result ??= load()
  return result
}

function load(): KoffiResult {
  let failure: unknown
  for (const place of places()) {
    try {
      // By its named import webpack would know createRequire, and replace it.
      return { koffi: nodeModule.createRequire(place)('koffi') as Koffi }
    } catch (error) {
      // That koffi is there and does not load says more than that it is not there.
      if (failure === undefined || isAbsent(failure)) failure = error
    }
  }
  const said = isError(failure) ? (failure.message.split('\n')[0] as string) : String(failure)
  return { reason: `koffi does not load here: ${said}${advice(failure, said)}` }
}

/** Files beside which koffi may be installed (KF1). */
function places(): string[] {
  // esbuild leaves import.meta empty in CommonJS; webpack writes there where this file was when the program was built.
  const here = import.meta.url as string | undefined
  const bundle = typeof __filename === 'string' ? __filename : undefined
  return [here, bundle, process.argv[1]].filter(place => place !== undefined && place !== '') as string[]
}

/** Whether koffi itself was not found. */
function isAbsent(error: unknown): boolean {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'MODULE_NOT_FOUND') return message.includes("'koffi'")
  // What createRequire says of a place that is no file: '[worker eval]'.
  return code === 'ERR_INVALID_ARG_VALUE'
}

function advice(failure: unknown, said: string): string {
  if (isAbsent(failure)) {
    const settings =
      "esbuild, Rollup and Vite: external: ['koffi']; webpack: externals; Next: serverExternalPackages: ['stridedb', 'koffi']"
    return `. Install koffi where the program runs; a bundler must leave it out of the bundle (${settings}; see docs/bundlers.md)`
  }
  if (said.includes('addons is disabled'))
    return process.permission === undefined ? ' Run node without --no-addons' : ' Run node with --allow-addons'
  if (said.includes('native Koffi module')) {
    const name = `@koromix/koffi-${process.platform}-${process.arch}`
    return ` Its build for this system is the package ${name}: install it where the program runs (see docs/bundlers.md)`
  }
  return ''
}
