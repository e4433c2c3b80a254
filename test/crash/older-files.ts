/**
 * A file of a store that is older than those beside it: restored by hand, or by a disk that lost what it had synced.
 *
 *   OL1  the store is refused with a code, or holds a version that it had, whole, and goes on. It never holds a mixture.
 * Power cuts leave no such files: what a later file tells of was synced before (check-image.ts).
 */

import { StrideError } from '../../src/errors.ts'
import { type ImageCheck, verifyClean, versionsOf } from './check-image.ts'
import { createMortalPlatform, discard } from './mortal-platform.ts'
import { openUndeclared, type StoreUnderTest } from './store-under-test.ts'
import { during } from './violation.ts'

type Files = ReadonlyMap<string, Uint8Array>

/** So many earlier states are remembered, the oldest and the newest of them. */
const REMEMBERED_MAX = 4

export class OlderFiles {
  readonly #path: string
  #states: Files[] = []

  constructor(path: string) {
    this.#path = path
  }

  /** Remembers how the files are now. */
  note(files: Files): void {
    if (this.#states.length === REMEMBERED_MAX) this.#states.splice(1, 1)
    this.#states.push(files)
  }

  /** Opens these files with each of them as it was before. @throws Violation */
  async check(files: Files, check: Pick<ImageCheck, 'path' | 'shape' | 'versions'>): Promise<void> {
    for (const [i, state] of this.#states.entries()) {
      for (const ending of ['', '-index', '-journal']) {
        const name = `${this.#path}${ending}`
        const older = state.get(name)
        const newer = files.get(name)
        if (older === undefined || (newer !== undefined && Buffer.compare(older, newer) === 0)) continue
        await during(`with ${name} as it was ${this.#states.length - i} looks ago`, () =>
          checkMixture(new Map(files).set(name, padded(older, newer?.length ?? 0)), check),
        )
      }
    }
  }
}

/** A disk may keep a size, and lose the bytes. */
function padded(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length >= length) return bytes
  const longer = new Uint8Array(length)
  longer.set(bytes)
  return longer
}

async function checkMixture(
  files: Files,
  { path, shape, versions }: Pick<ImageCheck, 'path' | 'shape' | 'versions'>,
): Promise<void> {
  const platform = createMortalPlatform({ files })
  let store: StoreUnderTest
  try {
    store = openUndeclared(platform, path, shape)
  } catch (error) {
    if (error instanceof StrideError) return
    throw error
  }
  try {
    versionsOf(store, versions)
    await verifyClean(store)
  } finally {
    discard(store, platform)
  }
}
