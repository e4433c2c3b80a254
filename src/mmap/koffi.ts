/**
 * How is koffi loaded? When the first file is opened, not before.
 *
 * Importing this library must be quick, and must not fail if koffi has no build for the machine. The file backend then remains, and
 * `reason` says why and what to install. Only src/mmap uses koffi.
 *   KF1  no bundler puts koffi into a bundle, which would lose its native library. It is resolved when the program runs: beside this
 *        file, and beside the program's main file, where a bundle may have been moved to.
 * The bound C functions: posix/system-calls.ts, win32/win32-calls.ts. Settings for bundlers: docs/bundlers.md.
 */

import nodeModule from 'node:module'
import { isError } from '../runtime/realms.ts'

/** A bound C function. `async` runs it in Node's thread pool; koffi.errno() is only right inside the callback. */
export interface ForeignFunction {
  (...args: unknown[]): unknown
  async(...args: unknown[]): void
}

export interface ForeignLibrary {
  func(name: string, result: string, parameters: readonly string[]): ForeignFunction
}

/** The part of koffi that is used. */
export interface Koffi {
  /** null: the symbols that the process has loaded, so that LD_PRELOAD is honoured. */
  load(path: string | null): ForeignLibrary
  /** Aborts the process if length exceeds what the runtime allows, so callers check it first. */
  view(address: bigint, length: number): ArrayBuffer
  errno(): number
}

export type KoffiResult =
  | { readonly koffi: Koffi; readonly reason?: undefined }
  | { readonly koffi?: undefined; readonly reason: string }

/** Only defined in CommonJS, into which a bundler may convert this file. */
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
      // webpack would recognise a named import of createRequire, and replace the call.
      return { koffi: nodeModule.createRequire(place)('koffi') as Koffi }
    } catch (error) {
      // A koffi that does not load is a better reason than an absent one.
      if (failure === undefined || isAbsent(failure)) failure = error
    }
  }
  const said = isError(failure) ? (failure.message.split('\n')[0] as string) : String(failure)
  return { reason: `koffi does not load here: ${said}${advice(failure, said)}` }
}

/** Files beside which koffi may be installed (KF1). */
function places(): string[] {
  // In CommonJS esbuild leaves import.meta empty, and webpack replaces it by this file's place at build time.
  const here = import.meta.url as string | undefined
  const bundle = typeof __filename === 'string' ? __filename : undefined
  return [here, bundle, process.argv[1]].filter(place => place !== undefined && place !== '') as string[]
}

/** Whether koffi itself was not found. */
function isAbsent(error: unknown): boolean {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'MODULE_NOT_FOUND') return message.includes("'koffi'")
  // The error of createRequire for a place that is no file, such as '[worker eval]'.
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
