/**
 * Cuts the power at every point of a run, and looks at what may be left.
 *
 * Crash points lie before every event and after the last. At each the systematic images are looked at, then seeded
 * mixtures (crash-images.ts). Images with the same bytes are opened once; what they hold is compared with what the
 * program had been told at each crash point that can leave them.
 * Some images get a second life: the store is opened, goes on, and is cut again at every point of that.
 */

import { setImmediate as nextTurn } from 'node:timers/promises'
import { createSimulatedPlatform } from '../../src/mmap/simulated/simulated-platform.ts'
import { checkImage, discard, goOn, type Outcome, verifyClean, versionsOf } from './check-image.ts'
import { type CrashImage, seededImages, systematicImages, wholeImage } from './crash-images.ts'
import { DiskModel } from './disk-model.ts'
import type { Version } from './expected-store.ts'
import { allowed, Journey, type Known } from './journey.ts'
import type { Random } from './random.ts'
import { optionsOf, type Run, STORE_PATH } from './run-workload.ts'
import { openUnderTest, REPLAY_TIMES, SHAPES, stateOf } from './store-under-test.ts'
import { during, Violation } from './violation.ts'
import { describeWorkload } from './workload.ts'

/** What was looked at so far. */
export interface Tally {
  /** Images that were opened and checked, all different. */
  images: number
  /** Images of a second cut among them. */
  secondImages: number
  /** Crash points. */
  points: number
  /** Images in which opening replayed commits, and in which it dropped bytes. */
  replayed: number
  dropped: number
}

export function newTally(): Tally {
  return { images: 0, secondImages: 0, points: 0, replayed: 0, dropped: 0 }
}

export interface CutOptions {
  readonly random: Random
  /** How many of the systematic images are looked at, from 0 to 1: all, where a workload is small. */
  readonly systematic: number
  /** Seeded mixtures at each crash point. */
  readonly mixtures: number
  /** How many of the images get a second life, from 0 to 1. */
  readonly secondLives: number
  /** The search of this run ends when so many images were opened in all. */
  readonly imagesMax: number
}

/** A second life is sampled: these parts of its crash points and images. */
const SECOND_POINTS_SKIPPED = 0.6
const SECOND_IMAGES = 0.1
const SECOND_MIXTURES = 2

interface Life {
  readonly run: Run
  readonly journey: Journey
  readonly versions: readonly Version[]
  readonly disk: DiskModel
  readonly isSecond: boolean
}

/** @throws Violation naming the workload, the crash point and the image */
export async function cutEverywhere(run: Run, tally: Tally, options: CutOptions): Promise<void> {
  const { journey, versions } = run
  await during(describeWorkload(run.workload), () =>
    cutLife({ run, journey, versions, disk: DiskModel.of(run.files), isSecond: false }, tally, options),
  )
}

async function cutLife(life: Life, tally: Tally, options: CutOptions): Promise<void> {
  const { journey, disk } = life
  const seen = new Map<string, Outcome>()
  for (let count = 0; count <= journey.events.length; count++) {
    tally.points++
    const known = journey.knownAfter(count)
    const next = journey.events[count]?.event
    const isSkipped = life.isSecond ? options.random.chance(SECOND_POINTS_SKIPPED) : count < life.run.begun
    if (isSkipped) {
      if (next !== undefined) disk.apply(next)
      continue
    }
    const place = `cut before event ${count} of ${journey.events.length} (${next?.kind ?? 'the end'})`
    await during(place, async () => {
      for (const image of imagesAt(disk, life, options)) {
        if (tally.images >= options.imagesMax) return
        await during(image.label, () => lookAt(image, life, known, count, seen, tally, options))
      }
      if (!life.isSecond && options.random.chance(options.secondLives * 5)) {
        await during('the process dies', () =>
          liveAgain(life, known, disk.clone(), wholeImage(disk), tally, options),
        )
      }
    })
    if (tally.images >= options.imagesMax) return
    if (next !== undefined) disk.apply(next)
  }
}

function* imagesAt(
  disk: DiskModel,
  life: Life,
  { random, systematic, mixtures }: CutOptions,
): Generator<CrashImage> {
  for (const image of systematicImages(disk, random)) {
    if (image.isWhole || random.chance(life.isSecond ? SECOND_IMAGES : systematic)) yield image
  }
  yield* seededImages(disk, random, life.isSecond ? SECOND_MIXTURES : mixtures)
}

async function lookAt(
  image: CrashImage,
  life: Life,
  known: Known,
  count: number,
  seen: Map<string, Outcome>,
  tally: Tally,
  options: CutOptions,
): Promise<void> {
  const { random } = options
  let outcome = seen.get(image.key)
  if (outcome === undefined) {
    const files = image.files()
    outcome = await checkImage(files, {
      ...checkOf(life),
      path: STORE_PATH,
      readsFirst: random.chance(0.25),
      replays: random.pick(REPLAY_TIMES),
      closes: random.chance(0.5),
    })
    seen.set(image.key, outcome)
    tally.images++
    if (life.isSecond) tally.secondImages++
    if (outcome.commitsReplayed > 0) tally.replayed++
    if (outcome.bytesDropped > 0) tally.dropped++
    if (!life.isSecond) await checkBackups(files, life, known, count)
    if (!life.isSecond && random.chance(options.secondLives)) {
      await during('a second life', () =>
        liveAgain(
          life,
          known,
          DiskModel.of(files),
          {
            ...image,
            files: () => files,
            isWhole: image.isWhole,
            fileNumbers: () => [...files.keys()].map((_, i) => i + 1),
          },
          tally,
          options,
        ),
      )
    }
  }
  checkKnown(outcome.versions, life.versions, known, image.isWhole)
  const { hasLateIndex } = known
  if (hasLateIndex !== undefined && outcome.hasLateIndex !== hasLateIndex)
    throw new Violation(hasLateIndex ? 'an index that was created is gone' : 'an index that is gone is there')
}

function checkOf({ run, versions }: Life): {
  shape: Run['workload']['shape']
  options: ReturnType<typeof optionsOf>
  versions: readonly Version[]
} {
  return { shape: run.workload.shape, options: optionsOf(run.workload), versions }
}

function checkKnown(
  found: readonly number[],
  versions: readonly Version[],
  known: Omit<Known, 'hasLateIndex'>,
  isWhole: boolean,
): void {
  const { from, to } = allowed(known, isWhole)
  if (found.some(version => version >= from && version <= to)) return
  const name = (index: number): string =>
    `${index} (commit ${versions[index]?.commitNumber}, ${versions[index]?.label})`
  const what =
    (found[0] ?? 0) < from ? 'an acknowledged commit is lost' : 'a commit that was not asked for is there'
  throw new Violation(`${what}: found version ${found.map(name)}, allowed from ${name(from)} to ${name(to)}`)
}

/** A backup is whole where it is there, and is there once it returned. */
async function checkBackups(
  files: ReadonlyMap<string, Uint8Array>,
  life: Life,
  known: Known,
  count: number,
): Promise<void> {
  for (const backup of life.journey.backups) {
    await during(`the backup ${backup.path}`, async () => {
      if (!files.has(backup.path)) {
        if (backup.returnedAt !== undefined && backup.returnedAt <= count)
          throw new Violation('it returned and is gone')
        return
      }
      const outcome = await checkImage(files, {
        ...checkOf(life),
        path: backup.path,
        readsFirst: false,
        replays: 'atOnce',
        closes: true,
      })
      checkKnown(
        outcome.versions,
        life.versions,
        { begun: known.begun, durable: backup.from, returned: backup.from },
        false,
      )
    })
  }
}

/**
 * Opens what is left, lets it go on, and cuts that at every point. `disk`: what of it is durable; after a loss of power
 * all of it, after the death of the process no more than before.
 */
async function liveAgain(
  life: Life,
  known: Known,
  disk: DiskModel,
  image: CrashImage,
  tally: Tally,
  options: CutOptions,
): Promise<void> {
  const { run } = life
  const { durable, returned, begun } = known
  const versions = life.versions.slice(durable, begun + 1)
  const numbers = image.fileNumbers()
  const numberOf = (file: number): number => numbers[file - 1] ?? file + 10_000
  // What only the process's death spares may still go with the power.
  const journey = new Journey(
    {
      begun: begun - durable,
      durable: 0,
      returned: image.isWhole ? returned - durable : 0,
      hasLateIndex: undefined,
    },
    numberOf,
  )
  const platform = createSimulatedPlatform({ files: image.files(), observer: journey.observer })
  const replays = options.random.pick(REPLAY_TIMES)
  const store = openUnderTest(platform, STORE_PATH, run.workload.shape, optionsOf(run.workload), replays)
  if (replays === 'inTurns') for (let turns = 0; turns < 4; turns++) await nextTurn()
  const opened = versions[versionsOf(store, versions)[0] as number] as Version
  await verifyClean(store)
  versions.push({ ...opened, label: `${opened.label}, recovered` })
  // What is said to be durable must stay.
  if (store.durableCommitNumber === store.commitNumber) journey.settle(versions.length - 1)
  const records = stateOf(store)
  journey.begin(versions.length)
  goOn(store, records, SHAPES[run.workload.shape].fillBytes)
  versions.push({ commitNumber: store.commitNumber, records, label: 'gone on' })
  journey.promise(versions.length - 1)
  if (options.random.chance(0.5)) store.close()
  journey.end()
  discard(store)
  await cutLife({ run, journey, versions, disk, isSecond: true }, tally, options)
}
