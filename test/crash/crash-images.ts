/**
 * Which of the possible disks are looked at after a cut: the systematic ones, then seeded mixtures.
 *
 * Systematic: nothing of what is unsynced, all of it, each sector alone (whole, and torn), all but each, and the same
 * for sizes, for names and for whole files. Where more than SECTORS_MAX sectors are pending, as in a large batch stored
 * in place, those at both ends and a seeded choice of the others stand for all.
 */

import type { DiskModel } from './disk-model.ts'
import { type FileChoice, SECTOR_BYTES } from './file-model.ts'
import type { Random } from './random.ts'

const SECTORS_MAX = 40

/** A disk as the power cut left it. */
export interface CrashImage {
  /** The same for two images with the same bytes under the same names. */
  readonly key: string
  /** Which of the possible disks this is. */
  readonly label: string
  /** True where nothing was lost: what the death of the process alone leaves. */
  readonly isWhole: boolean
  /** The files by path; made when asked for, so ask before the model goes on. */
  files(): Map<string, Uint8Array>
  /** For each of these files its number in the model. */
  fileNumbers(): number[]
}

/** What is decided for an image; each is asked once for each thing that is open. */
interface Chooser {
  /** @returns the sector's bytes, or undefined for the durable ones */
  sector(file: number, sector: number, versions: readonly Uint8Array[]): Uint8Array | undefined
  size(file: number, sizes: readonly number[]): number
  word(values: readonly Uint8Array[]): Uint8Array
  name(index: number): boolean
}

interface PendingSector {
  readonly file: number
  readonly sector: number
}

export function* systematicImages(disk: DiskModel, random: Random): Generator<CrashImage> {
  yield imageOf(disk, 'nothing of the unsynced', NOTHING)
  yield imageOf(disk, 'all of the unsynced', ALL, true)
  yield imageOf(disk, 'names and sizes without bytes', { ...ALL, sector: () => undefined })
  yield imageOf(disk, 'bytes under the old names', { ...ALL, name: () => false })
  const isSame = (a: PendingSector, file: number, sector: number): boolean =>
    a.file === file && a.sector === sector
  const places = sample(pendingSectors(disk), random)
  if (places.length + disk.pendingNames.length > 0) {
    for (const place of places) {
      const at = `sector ${place.sector} of file ${place.file}`
      const only = (pick: (versions: readonly Uint8Array[]) => Uint8Array | undefined): Chooser => ({
        ...ALL,
        sector: (file, sector, versions) => (isSame(place, file, sector) ? pick(versions) : undefined),
      })
      yield imageOf(disk, `${at} alone`, only(newest))
      yield imageOf(
        disk,
        `${at} alone, torn`,
        only(versions => torn(versions, random)),
      )
      const but: Chooser = {
        ...ALL,
        sector: (file, sector, versions) => (isSame(place, file, sector) ? undefined : newest(versions)),
      }
      yield imageOf(disk, `all but ${at}`, but)
    }
    for (const each of disk.files.keys()) {
      const alone: Chooser = {
        ...NOTHING,
        name: () => true,
        sector: (file, _, versions) => (file === each ? newest(versions) : undefined),
        size: (file, sizes) => (file === each ? newest(sizes) : oldest(sizes)),
      }
      yield imageOf(disk, `file ${each} alone`, alone)
      const short: Chooser = { ...ALL, size: (file, sizes) => (file === each ? oldest(sizes) : newest(sizes)) }
      yield imageOf(disk, `all but the size of file ${each}`, short)
    }
    for (const [index, change] of disk.pendingNames.entries()) {
      yield imageOf(disk, `all but the ${change.kind} ${index}`, { ...ALL, name: i => i !== index })
      yield imageOf(disk, `the ${change.kind} ${index} without those of other names`, {
        ...ALL,
        name: i => i === index,
      })
      yield imageOf(disk, `names up to ${index}`, { ...ALL, name: i => i <= index })
    }
  }
}

/** Nothing and all of what is unsynced, each file and each name alone, and all but each: no sector by itself. */
export function* wholeFileImages(disk: DiskModel): Generator<CrashImage> {
  yield imageOf(disk, 'nothing of the unsynced', NOTHING)
  yield imageOf(disk, 'all of the unsynced', ALL, true)
  yield imageOf(disk, 'bytes under the old names', { ...ALL, name: () => false })
  for (const each of disk.files.keys()) {
    yield imageOf(disk, `file ${each} alone`, {
      name: () => true,
      word: newest,
      sector: (file, _, versions) => (file === each ? newest(versions) : undefined),
      size: (file, sizes) => (file === each ? newest(sizes) : oldest(sizes)),
    })
    yield imageOf(disk, `all but file ${each}`, {
      ...ALL,
      sector: (file, _, versions) => (file === each ? undefined : newest(versions)),
    })
  }
  for (const [index, change] of disk.pendingNames.entries()) {
    yield imageOf(disk, `all but the ${change.kind} ${index}`, { ...ALL, name: i => i !== index })
    yield imageOf(disk, `the ${change.kind} ${index} alone of the names`, { ...ALL, name: i => i === index })
  }
}

/** Seeded mixtures: each sector, size and name by chance, with odds that differ from one image to the next. */
export function* seededImages(disk: DiskModel, random: Random, count: number): Generator<CrashImage> {
  for (let i = 0; i < count; i++) {
    const odds = random.pick([0.05, 0.3, 0.5, 0.7, 0.95])
    const tears = random.pick([0, 0.1, 0.5])
    const names = random.pick([0.5, 1, 1])
    const filesOdds = new Map<number, number>()
    // In some images one file is ahead of the other.
    if (random.chance(0.4)) for (const file of disk.files.keys()) filesOdds.set(file, random.pick([0, odds, 1]))
    const chooser: Chooser = {
      sector(file, _, versions) {
        if (random.chance(tears)) return torn(versions, random)
        const chance = filesOdds.get(file) ?? odds
        if (random.chance(chance)) return newest(versions)
        return random.chance(0.5) ? undefined : random.pick(versions)
      },
      size: (_, sizes) => (random.chance(0.75) ? newest(sizes) : random.pick(sizes)),
      word: values => random.pick(values),
      name: () => random.chance(names),
    }
    yield imageOf(disk, `mixture ${i}`, chooser)
  }
}

/** What the death of the process leaves: everything. */
export function wholeImage(disk: DiskModel): CrashImage {
  return imageOf(disk, 'all of the unsynced', ALL, true)
}

const NOTHING: Chooser = {
  sector: () => undefined,
  size: (_, sizes) => oldest(sizes),
  word: oldest,
  name: () => false,
}
const ALL: Chooser = {
  sector: (_file, _sector, versions) => newest(versions),
  size: (_, sizes) => newest(sizes),
  word: newest,
  name: () => true,
}

function imageOf(disk: DiskModel, label: string, chooser: Chooser, isWhole = false): CrashImage {
  const names = disk.names(index => chooser.name(index))
  const choices = new Map<number, FileChoice>()
  for (const number of new Set(names.values())) {
    const file = disk.files.get(number)
    if (file === undefined) continue
    const sectors = new Map<number, Uint8Array>()
    const size = chooser.size(number, file.sizes)
    for (const sector of file.pendingSectors) {
      if (sector * SECTOR_BYTES >= size) continue
      const bytes = chooser.sector(number, sector, file.versions(sector))
      if (bytes !== undefined) sectors.set(sector, bytes)
    }
    const words = new Map([...file.words].map(([offset, values]) => [offset, chooser.word(values)]))
    choices.set(number, { size, sectors, words })
  }
  const present = [...names].sort(([a], [b]) => (a < b ? -1 : 1))
  const keys = present.map(([path, number]) => {
    const choice = choices.get(number)
    return `${path}:${number}:${choice === undefined ? '' : disk.files.get(number)?.keyOf(choice)}`
  })
  return {
    key: keys.join('|'),
    label,
    isWhole,
    files() {
      const files = new Map<string, Uint8Array>()
      for (const [path, number] of present) {
        const choice = choices.get(number)
        const file = disk.files.get(number)
        if (choice !== undefined && file !== undefined) files.set(path, file.contents(choice))
      }
      return files
    },
    fileNumbers: () => present.map(([, number]) => number),
  }
}

function pendingSectors(disk: DiskModel): PendingSector[] {
  return [...disk.files].flatMap(([file, model]) => model.pendingSectors.map(sector => ({ file, sector })))
}

function sample(places: readonly PendingSector[], random: Random): readonly PendingSector[] {
  if (places.length <= SECTORS_MAX) return places
  const edges = places.filter(({ file, sector }, i) => {
    const [before, after] = [places[i - 1], places[i + 1]]
    return (
      before?.file !== file ||
      before.sector !== sector - 1 ||
      after?.file !== file ||
      after.sector !== sector + 1
    )
  })
  const chosen = new Set(edges.slice(0, SECTORS_MAX / 2))
  while (chosen.size < SECTORS_MAX) chosen.add(random.pick(places))
  return [...chosen]
}

/** Two versions that meet at some byte of the sector. */
function torn(versions: readonly Uint8Array[], random: Random): Uint8Array {
  const first = random.pick(versions)
  const second = random.pick(versions.filter(version => version !== first))
  const bytes = first.slice()
  const cut = 1 + random.below(SECTOR_BYTES - 1)
  bytes.set((second ?? first).subarray(cut), cut)
  return bytes
}

function newest<T>(list: readonly T[]): T {
  return list[list.length - 1] as T
}

function oldest<T>(list: readonly T[]): T {
  return list[0] as T
}
