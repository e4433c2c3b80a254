/**
 * Two processes, one after the other, and then a loss of power: the first one dies at each point of its work, or after a sync that
 * failed; the second one opens what it left in the page cache; the power is cut before each sync and each change of a name.
 *
 * Nothing is sampled, so that a small piece of work is tried in all its orders. Of sectors that are pending the images have all, none,
 * those of one file, and those of all other files: what one file says of another. A caller may ask for others. Sector by sector, by
 * chance: power-cut.ts.
 */

import type { Platform } from '../../src/mmap/platform.ts'
import type { DiskEvent } from '../../src/mmap/simulated/simulated-disk.ts'
import { createSimulatedPlatform } from '../../src/mmap/simulated/simulated-platform.ts'
import { type CrashImage, wholeFileImages, wholeImage } from './crash-images.ts'
import { DiskModel } from './disk-model.ts'
import { Journey } from './journey.ts'
import { SyncFailure } from './sync-failure.ts'
import { during } from './violation.ts'

type Files = ReadonlyMap<string, Uint8Array>
type Work = (platform: Platform) => Promise<void>

export interface TwoLives {
  /** What is on the disk, all of it durable. */
  readonly files: Files
  readonly first: Work
  readonly second: Work
  /** Opens what the power cut left. @throws Violation */
  readonly look: (files: Files) => Promise<void>
  /** The disks that are looked at after a cut; those of whole files unless told. */
  readonly imagesOf?: (disk: DiskModel) => Iterable<CrashImage>
}

/** How often the second process came, and what it left was looked at. */
export interface TwoLivesTally {
  lives: number
  images: number
}

const NOTHING_KNOWN = { begun: 0, durable: 0, returned: 0, hasLateIndex: undefined }
/** Files that the second process creates have numbers of their own. */
const SECOND_FILES = 10_000

/** Stores between two of these only add to what is pending. */
const CUT_BEFORE: readonly (DiskEvent['kind'] | undefined)[] = [
  'create',
  'rename',
  'remove',
  'sync-begin',
  'sync-end',
  'sync-folder',
  undefined,
]

/** The first process dies before each event of its work, and after the last. */
export async function dieThenCut(lives: TwoLives): Promise<TwoLivesTally> {
  const { events } = await recorded(lives.files, lives.first)
  const tally = { lives: 0, images: 0 }
  for (let count = 0; count <= events.length; count++) {
    const next = events[count]?.kind ?? 'the end'
    await during(`the first process dies before event ${count} (${next})`, () =>
      liveOn(DiskModel.of(lives.files), events.slice(0, count), lives, tally),
    )
  }
  return tally
}

/** Each sync of the first process fails in turn; the process ends there. */
export async function failThenCut(lives: TwoLives): Promise<TwoLivesTally> {
  const { syncs } = await recorded(lives.files, lives.first, Number.POSITIVE_INFINITY)
  const tally = { lives: 0, images: 0 }
  for (let sync = 1; sync <= syncs; sync++) {
    const { events } = await recorded(lives.files, lives.first, sync)
    await during(`sync ${sync} of the first process fails`, () =>
      liveOn(DiskModel.of(lives.files), events, lives, tally),
    )
  }
  return tally
}

async function liveOn(
  disk: DiskModel,
  before: readonly DiskEvent[],
  { second, look, imagesOf = wholeFileImages }: TwoLives,
  tally: TwoLivesTally,
): Promise<void> {
  for (const event of before) disk.apply(event)
  const left = wholeImage(disk)
  const numbers = left.fileNumbers()
  const { events } = await recorded(left.files(), second, 0, file => numbers[file - 1] ?? file + SECOND_FILES)
  tally.lives++
  const seen = new Set<string>()
  for (const [count, event] of [...events, undefined].entries()) {
    for (const image of CUT_BEFORE.includes(event?.kind) ? imagesOf(disk) : []) {
      if (seen.has(image.key)) continue
      seen.add(image.key)
      tally.images++
      const place = `the power is cut before event ${count} of the second (${event?.kind ?? 'the end'})`
      await during(`${place}, ${image.label}`, () => look(image.files()))
    }
    if (event !== undefined) disk.apply(event)
  }
}

/** What a piece of work does to a disk. @param failing which of its syncs fails, if one is to */
async function recorded(
  files: Files,
  work: Work,
  failing = 0,
  numberOf?: (file: number) => number,
): Promise<{ readonly events: readonly DiskEvent[]; readonly syncs: number }> {
  const journey = new Journey(NOTHING_KNOWN, numberOf)
  const failure = new SyncFailure(failing, journey.observer)
  failure.arm()
  try {
    await work(createSimulatedPlatform({ files, observer: failure.observer }))
  } catch (error) {
    failure.assertExplains(error)
  }
  journey.end()
  return { events: journey.events.map(({ event }) => event), syncs: failure.count }
}
