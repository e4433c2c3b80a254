/**
 * Cuts the power at every point of a run, and looks at what may be left.
 *
 * Crash points lie before every event and after the last. At each the systematic images are looked at, then seeded
 * mixtures (crash-images.ts). Images with the same bytes are opened once; what they hold is compared with what the
 * program had been told at each crash point that can leave them.
 * Some images get a second life: the store is opened, goes on, and is cut again at every point of that.
 * Where a sync of the run failed, crash points lie behind that. The process then ends, and others come after it that see
 * what it left in memory, or what the disk has where the system gave memory back; syncs of theirs may fail, too.
 */

import { setImmediate as nextTurn } from 'node:timers/promises'
import { checkImage, type Outcome, stageMore, verifyClean, versionsOf } from './check-image.ts'
import { type CrashImage, seededImages, systematicImages, wholeImage } from './crash-images.ts'
import { DiskModel } from './disk-model.ts'
import type { Version } from './expected-store.ts'
import { allowed, Journey, type Known } from './journey.ts'
import { closeAnyway, createMortalPlatform, discard, type MortalPlatform } from './mortal-platform.ts'
import { OlderFiles } from './older-files.ts'
import type { Random } from './random.ts'
import { optionsOf, type Run, STORE_PATH } from './run-workload.ts'
import { openUnderTest, REPLAY_TIMES, SHAPES, type StoreUnderTest, stateOf } from './store-under-test.ts'
import { SyncFailure } from './sync-failure.ts'
import { during, Violation } from './violation.ts'
import { describeWorkload } from './workload.ts'

/** What was looked at so far. */
export interface Tally {
  /** Images that were opened and checked, all different. */
  images: number
  /** Images of a second cut among them. */
  secondImages: number
  /** Images after a sync that failed among them. */
  failedSyncs: number
  /** Crash points. */
  points: number
  /** Images in which opening replayed commits, and in which it dropped bytes. */
  replayed: number
  dropped: number
}

export function newTally(): Tally {
  return { images: 0, secondImages: 0, failedSyncs: 0, points: 0, replayed: 0, dropped: 0 }
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
  /** Called after each image. */
  readonly looked?: () => void
}

/** A second life, and what follows a failed sync, is sampled: these parts of the crash points and images. */
const SAMPLED_POINTS_SKIPPED = 0.6
const FAILING_POINTS_SKIPPED = 0.85
const SAMPLED_IMAGES = 0.1
const SAMPLED_MIXTURES = 2
/** How often processes follow each other after a failed sync, and how often a sync of theirs fails. */
const LIVES_AFTER_FAILURE = 2
const FAILURES = 0.3
/** A sync that fails in a later life is one of the first so many: those of recovery and of the next commit. */
const FAILING_SYNC_MAX = 12

interface Life {
  readonly run: Run
  readonly journey: Journey
  readonly versions: readonly Version[]
  readonly disk: DiskModel
  /** How many processes came before. */
  readonly generation: number
  /** Whether a sync failed, in this life or before it. */
  readonly isFailing: boolean
}

/** @throws Violation naming the workload, the crash point and the image */
export async function cutEverywhere(run: Run, tally: Tally, options: CutOptions): Promise<void> {
  const { journey, versions } = run
  const isFailing = run.failedSync !== undefined
  const life = { run, journey, versions, disk: DiskModel.of(run.files), generation: 0, isFailing }
  const failure = isFailing ? `, sync ${run.failedSync} fails` : ''
  await during(`${describeWorkload(run.workload)}${failure}`, async () => {
    await cutLife(life, tally, options)
    if (isFailing) await liveAfterFailure(life, tally, options)
  })
}

async function cutLife(life: Life, tally: Tally, options: CutOptions): Promise<void> {
  const { journey, disk } = life
  const seen = new Map<string, Outcome>()
  const older = new OlderFiles(STORE_PATH)
  for (let count = 0; count <= journey.events.length; count++) {
    tally.points++
    const known = journey.knownAfter(count)
    const next = journey.events[count]?.event
    const isBefore = life.generation === 0 && count < life.run.begun
    const skipped = life.isFailing ? FAILING_POINTS_SKIPPED : SAMPLED_POINTS_SKIPPED
    const isSkipped = isBefore || (isSampled(life) && options.random.chance(skipped))
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
      // Not drawn, so that the draws of a seed stay the same.
      if (!isSampled(life) && (count - life.run.begun) % OLDER_FILES_EVERY === 0) {
        const files = wholeImage(disk).files()
        await older.check(files, { ...checkOf(life), path: STORE_PATH })
        older.note(files)
      }
      if (!isSampled(life) && options.random.chance(options.secondLives * 5)) {
        await during('the process dies', () =>
          liveAgain(life, known, disk.clone(), wholeImage(disk), tally, options),
        )
      }
    })
    if (tally.images >= options.imagesMax) return
    if (next !== undefined) disk.apply(next)
  }
}

/** Whether only some of the crash points and images are looked at. */
function isSampled({ generation, isFailing }: Life): boolean {
  return generation > 0 || isFailing
}

/** A sync of a life failed, and its process ended: `life.disk` is what it left. Others come after it. */
async function liveAfterFailure(life: Life, tally: Tally, options: CutOptions): Promise<void> {
  const { journey, disk } = life
  const { random, imagesMax } = options
  const known = journey.knownAfter(journey.events.length)
  for (let i = 0; i < LIVES_AFTER_FAILURE && tally.images < imagesMax; i++) {
    const left = disk.clone()
    const odds = random.pick([0, 0, 0.5, 1])
    left.dropClean(versions => {
      if (!random.chance(odds)) return undefined
      return random.chance(0.5) ? versions[0] : random.pick(versions)
    })
    const seen = odds === 0 ? 'as it looked' : 'after the system gave memory back'
    await during(`the process ends, and another comes, ${seen}`, () =>
      liveAgain(life, known, left, { ...wholeImage(left), isWhole: odds === 0 }, tally, options),
    )
  }
}

function* imagesAt(
  disk: DiskModel,
  life: Life,
  { random, systematic, mixtures }: CutOptions,
): Generator<CrashImage> {
  for (const image of systematicImages(disk, random)) {
    if (image.isWhole || random.chance(isSampled(life) ? SAMPLED_IMAGES : systematic)) yield image
  }
  yield* seededImages(disk, random, isSampled(life) ? SAMPLED_MIXTURES : mixtures)
}

/** At one of so many crash points the store is looked at with files that are older than those beside them. */
const OLDER_FILES_EVERY = 15
/** Of so many images one is looked at without its index file, too. */
const LOST_INDEX_EVERY = 8

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
      // Not drawn, so that the draws of a seed stay the same.
      losesIndexFile: tally.images % LOST_INDEX_EVERY === 0,
      isBackup: false,
    })
    seen.set(image.key, outcome)
    tally.images++
    options.looked?.()
    if (life.generation > 0) tally.secondImages++
    if (life.isFailing) tally.failedSyncs++
    if (outcome.commitsReplayed > 0) tally.replayed++
    if (outcome.bytesDropped > 0) tally.dropped++
    if (life.generation === 0) await checkBackups(files, life, known, count)
    if (!isSampled(life) && random.chance(options.secondLives)) {
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
        losesIndexFile: true,
        isBackup: true,
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
  const generation = life.generation + 1
  const numberOf = (file: number): number => numbers[file - 1] ?? file + 10_000 * generation
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
  const { random } = options
  const isUnlucky = life.isFailing && generation === 1 && random.chance(FAILURES)
  const failure = new SyncFailure(isUnlucky ? 1 + random.below(FAILING_SYNC_MAX) : 0, journey.observer)
  failure.arm()
  const platform = createMortalPlatform({ files: image.files(), observer: failure.observer })
  await goOnRecorded({ platform, workload: run.workload, journey, versions, failure, random })
  const next = { run, journey, versions, disk, generation, isFailing: life.isFailing }
  await cutLife(next, tally, options)
  if (failure.hasFailed) await liveAfterFailure(next, tally, options)
}

interface SecondLife {
  readonly platform: MortalPlatform
  readonly workload: Run['workload']
  readonly journey: Journey
  /** What the store may hold; what it comes to hold is added. */
  readonly versions: Version[]
  readonly failure: SyncFailure
  readonly random: Random
}

/** Opens the store, commits once more, and closes it by chance, or whenever a sync failed. */
async function goOnRecorded(life: SecondLife): Promise<void> {
  const { platform, workload, journey, versions, failure, random } = life
  const replays = random.pick(REPLAY_TIMES)
  let store: StoreUnderTest | undefined
  try {
    store = openUnderTest(platform, STORE_PATH, workload.shape, optionsOf(workload), replays)
    if (replays === 'inTurns') for (let turns = 0; turns < 4; turns++) await nextTurn()
    const opened = versions[versionsOf(store, versions)[0] as number] as Version
    await verifyClean(store)
    versions.push({ ...opened, label: `${opened.label}, recovered` })
    // What is said to be durable must stay.
    if (store.durableCommitNumber === store.commitNumber) journey.settle(versions.length - 1)
    const records = stateOf(store)
    stageMore(store, records, SHAPES[workload.shape].fillBytes)
    journey.begin(versions.length)
    versions.push({ commitNumber: store.commitNumber + 1, records, label: 'gone on' })
    store.commitSync({ durability: 'full' })
    journey.promise(versions.length - 1)
    if (random.chance(0.5)) store.close()
  } catch (error) {
    failure.assertExplains(error)
    if (store !== undefined) closeAnyway(store)
  }
  journey.end()
  if (store !== undefined) discard(store, platform)
}
