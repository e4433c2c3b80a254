/**
 * A broken promise of the store: what every part of the harness reports, and nothing else throws.
 */

import { StrideError } from '../../src/errors.ts'

export class Violation extends Error {
  override readonly name = 'Violation'
}

/** Runs a part of a check; what it throws becomes a violation that says what was being done. */
export async function during<T>(what: string, run: () => T | Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    if (error instanceof Violation) throw new Violation(`${what}: ${error.message}`)
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    throw new Violation(`${what}: ${error instanceof StrideError ? `${error.code} ` : ''}${text}`)
  }
}
