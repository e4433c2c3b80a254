/**
 * What could go wrong with files of several histories: an index of another copy of the store that is believed, a journal that is
 * laid over records that it does not belong to, a duplicate that a unique index lets in.
 *
 * Copies of one template go on by themselves, as far as commits of equal numbers, a crash, a compact. Then the four files of a store
 * are mixed in every way from each two of these states, and opened for reading and for writing: refused with a code, or right.
 */

import { ascii, StrideError } from 'stridedb'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { openStoreOn } from '../../../src/engine/open.ts'
import type { Store } from '../../../src/engine/store.ts'
import type { DiskEvent } from '../../../src/mmap/simulated/simulated-disk.ts'
import {
  createSimulatedPlatform,
  type SimulatedPlatform,
} from '../../../src/mmap/simulated/simulated-platform.ts'

const Item = z.object({ id: z.uint32(), v: z.uint32(), pad: ascii(500) })
type ItemStore = Store<typeof Item>
const PATH = '/mixed/x.stride'
const SUFFIXES = ['', '-journal', '-index', '-index-next'] as const
const INDEXES = { byId: { on: 'id', unique: true }, byV: { on: 'v', kind: 'ordered' } } as const
const OPTIONS = { journalBytes: 65_536, windowBytes: 65_536 } as const
/** So many ids are asked for; all that are ever given lie below. */
const IDS = 500
/** Records whose images no frame holds. */
const BULK = 300

type Files = ReadonlyMap<string, Uint8Array>

interface State {
  readonly name: string
  readonly files: Files
}

/** Every state that some commit left, as text. */
const versions = new Set<string>()

function recordsOf(store: ItemStore): string {
  const rows: [number, number, number][] = []
  for (const row of store.scan()) rows.push([row.number, row.id, row.v])
  return JSON.stringify(rows)
}

/** The files that `work` leaves, closed or as a process that dies leaves them. */
async function after(
  name: string,
  from: Files,
  ending: 'closed' | 'left',
  work: (store: ItemStore) => Promise<void> | void,
): Promise<State> {
  const platform = createSimulatedPlatform({ files: from })
  const store = openStoreOn(platform, PATH, Item, { ...OPTIONS, indexes: INDEXES }) as ItemStore
  await work(store)
  if (ending === 'closed') store.close()
  const files = new Map([...platform.files()].map(([path, bytes]) => [path, bytes.slice()]))
  store.close()
  return { name, files }
}

async function commit(store: ItemStore, change: () => void): Promise<void> {
  change()
  await store.commit()
  versions.add(recordsOf(store))
}

const shift = (store: ItemStore, by: number) => (): void => {
  for (let n = 0; n < 40; n++) if (store.has(n)) store.update(n, { id: ((n + by) % 40) + 40 * by, v: n * by })
}

/** Histories that share a beginning. */
async function histories(): Promise<readonly State[]> {
  const template = await after('template', new Map(), 'closed', store =>
    commit(store, () => {
      store.appendMany(Array.from({ length: 40 }, (_, i) => ({ id: i, v: i, pad: '' })))
    }),
  )
  const { files } = template
  const one = await after('one commit', files, 'closed', store => commit(store, shift(store, 1)))
  return [
    template,
    one,
    await after('another commit', files, 'closed', store => commit(store, shift(store, 2))),
    await after('left after a commit', files, 'left', store => commit(store, shift(store, 3))),
    await after('left after a checkpoint', one.files, 'left', async store => {
      await commit(store, shift(store, 4))
      await store.checkpoint()
      await commit(store, () => {
        store.append({ id: 390, v: 1, pad: '' })
        store.delete(5)
      })
    }),
    await after('compacted', one.files, 'closed', async store => {
      await commit(store, () => {
        for (let n = 0; n < 40; n += 3) store.delete(n)
      })
      await store.compact()
      versions.add(recordsOf(store))
    }),
    await after('compacted otherwise', one.files, 'closed', async store => {
      await commit(store, () => {
        for (let n = 1; n < 40; n += 3) store.delete(n)
      })
      await store.compact()
      versions.add(recordsOf(store))
    }),
    await after('no index any more', one.files, 'closed', async store => {
      await store.dropIndex('byV')
      await commit(store, shift(store, 6))
    }),
  ]
}

/** Looks up everything and compares with the records. @throws StrideError where that is refused */
function expectRight(store: ItemStore, label: string): void {
  const rows = JSON.parse(recordsOf(store)) as [number, number, number][]
  expect(versions.has(JSON.stringify(rows)), `${label}: a state of some commit`).toBe(true)
  for (const { name } of store.indexes) expect(['byId', 'byV'], label).toContain(name)
  expect(
    store.indexes.some(({ name, unique }) => name === 'byId' && unique),
    `${label}: byId`,
  ).toBe(true)
  const numbers = Array.from({ length: IDS }, (_, id) => rows.find(row => row[1] === id)?.[0] ?? -1)
  const found = store.index('byId').numbers(Array.from({ length: IDS }, (_, id) => id))
  expect([...found], label).toEqual(numbers)
  if (store.indexes.length < 2) return
  const sorted = rows.map(([n, , v]) => [v, n] as const).sort((a, b) => a[0] - b[0] || a[1] - b[1])
  const walked: number[][] = []
  for (const row of store.index('byV').range()) walked.push([row.v, row.number])
  expect(walked, label).toEqual(sorted)
}

/** @returns what came of it: right, or the code of the refusal */
async function outcome(files: Files, readOnly: boolean, label: string): Promise<string> {
  const platform = createSimulatedPlatform({ files })
  let store: ItemStore | undefined
  try {
    store = openStoreOn(platform, PATH, undefined, {
      ...OPTIONS,
      ...(readOnly ? { readOnly } : {}),
    }) as unknown as ItemStore
    expectRight(store, label)
    if (readOnly) return 'right'
    const taken = store.scan().toArray()[0]?.id
    expect(() => (store as ItemStore).append({ id: taken as number, v: 1, pad: '' }), label).toThrow(
      /unique index 'byId'/,
    )
    store.append({ id: IDS + 1, v: 1, pad: '' })
    store.commitSync()
    expect((await store.verify()).findings, label).toEqual([])
    return 'right'
  } catch (error) {
    if (error instanceof StrideError) return error.code
    throw error
  } finally {
    store?.close()
  }
}

/** Mixes the files of each two states in every way, and opens each mixture. @returns how often what came of it */
async function outcomesOf(states: readonly State[]): Promise<ReadonlyMap<string, number>> {
  const outcomes = new Map<string, number>()
  const seen = new Set<string>()
  for (const [i, a] of states.entries()) {
    for (const b of states.slice(i)) {
      for (let choice = 0; choice < 16; choice++) {
        const mixed = new Map<string, Uint8Array>()
        const from: string[] = []
        for (const [bit, suffix] of SUFFIXES.entries()) {
          // The index of one may also lie under the name of the next one.
          const state = (choice >> bit) & 1 ? a : b
          const bytes = state.files.get(PATH + (suffix === '-index-next' ? '-index' : suffix))
          if (bytes !== undefined) mixed.set(PATH + suffix, bytes)
          from.push(bytes === undefined ? 'none' : state.name)
        }
        const label = `store, journal, index, next: ${from.join(', ')}`
        if (seen.has(label)) continue
        seen.add(label)
        for (const readOnly of [true, false]) {
          const what = await outcome(mixed, readOnly, `${label}; ${readOnly ? 'reader' : 'writer'}`)
          const key = `${readOnly ? 'reader' : 'writer'} ${what}`
          outcomes.set(key, (outcomes.get(key) ?? 0) + 1)
        }
      }
    }
  }
  for (const key of outcomes.keys()) expect(key).toMatch(/right|CORRUPT|JOURNAL_MISSING|INDEX_NOT_BUILT/)
  return outcomes
}

describe('files of two histories under one name', () => {
  it('are refused or right, in every mixture, for readers and for writers', async () => {
    const outcomes = await outcomesOf(await histories())
    expect(outcomes.get('writer right')).toBeGreaterThan(100)
    expect(outcomes.get('reader right')).toBeGreaterThan(100)
  })
})

describe('files of several moments of one writer', () => {
  it('are refused or right, in every mixture, for readers and for writers', async () => {
    const platform = createSimulatedPlatform()
    const moments: State[] = []
    const keep = (name: string): void => {
      moments.push({
        name,
        files: new Map([...platform.files()].map(([path, bytes]) => [path, bytes.slice()])),
      })
    }
    const store = openStoreOn(platform, PATH, Item, { ...OPTIONS, indexes: INDEXES }) as ItemStore
    await commit(store, () => {
      store.appendMany(Array.from({ length: 40 }, (_, i) => ({ id: i, v: i, pad: '' })))
    })
    keep('first commit')
    await commit(store, shift(store, 1))
    keep('second commit')
    await store.checkpoint()
    keep('checkpoint')
    await commit(store, shift(store, 2))
    keep('third commit')
    // So many that no frame holds their images: they are synced in the file before their frame is written.
    await commit(store, () => {
      for (let n = 0; n < BULK; n++) store.append({ id: 150 + n, v: n, pad: '' })
    })
    keep('bulk append')
    await commit(store, () => {
      for (let n = 100; n < BULK; n += 50) store.update(n, { v: 7 })
    })
    keep('bulk append changed')
    await commit(store, shift(store, 0))
    store.close()
    keep('closed')
    const outcomes = await outcomesOf(moments)
    expect(outcomes.get('writer right')).toBeGreaterThan(20)
  })
})

describe('a process that dies while it stores a commit into the file', () => {
  type Listener = ((event: DiskEvent) => void) | undefined

  interface Observed {
    readonly platform: SimulatedPlatform
    listener: Listener
  }

  function observed(files: Files = new Map()): Observed {
    const disk: { listener: Listener } = { listener: undefined }
    const platform = createSimulatedPlatform({ files, observer: event => disk.listener?.(event) })
    return Object.assign(disk, { platform })
  }

  /** The files before each store of `work`, shared words included: what a kill there leaves. */
  function killsDuring(disk: Observed, work: () => void): readonly Files[] {
    const kills: Files[] = []
    disk.listener = ({ kind }) => {
      if (kind === 'store' || kind === 'remove') kills.push(copyOf(disk.platform))
    }
    work()
    disk.listener = undefined
    return [...kills, copyOf(disk.platform)]
  }

  /** Changes records so far apart that none is stored with another one. */
  const apart = (store: ItemStore, first: number) => (): void => {
    for (let n = first; n < 100; n += 9) store.update(n, { id: n + 200, v: n })
  }

  async function expectNoMixture(kills: readonly Files[], journals: readonly Uint8Array[]): Promise<void> {
    const outcomes = new Map<string, number>()
    for (const [i, files] of kills.entries()) {
      for (const [j, journal] of journals.entries()) {
        for (const readOnly of [true, false]) {
          const label = `kill ${i}, journal ${j}, ${readOnly ? 'reader' : 'writer'}`
          const what = await outcome(new Map(files).set(`${PATH}-journal`, journal), readOnly, label)
          outcomes.set(what, (outcomes.get(what) ?? 0) + 1)
        }
      }
    }
    for (const what of outcomes.keys()) expect(what).toMatch(/right|CORRUPT|JOURNAL_MISSING|INDEX_NOT_BUILT/)
    expect(outcomes.get('ERR_STRIDE_CORRUPT')).toBeGreaterThan(0)
  }

  function filled(platform: SimulatedPlatform): ItemStore {
    const store = openStoreOn(platform, PATH, Item, { ...OPTIONS, indexes: INDEXES }) as ItemStore
    store.appendMany(Array.from({ length: 100 }, (_, i) => ({ id: i, v: i, pad: '' })))
    store.commitSync()
    versions.add(recordsOf(store))
    return store
  }

  it('is refused with an older copy of its journal, or right', async () => {
    const disk = observed()
    const store = filled(disk.platform)
    await store.checkpoint()
    const journals = [journalOf(disk.platform)]
    await commit(store, apart(store, 0))
    journals.push(journalOf(disk.platform))
    apart(store, 1)()
    store.delete(7)
    const kills = killsDuring(disk, () => store.commitSync())
    versions.add(recordsOf(store))
    store.close()
    expect(kills.length).toBeGreaterThan(20)
    await expectNoMixture(kills, journals)
  })

  it('is refused with an older copy, or right, where it died in recovery', async () => {
    const first = observed()
    const store = filled(first.platform)
    await store.checkpoint()
    // What a loss of power leaves: frames that were synced, and of the data file nothing since.
    const data = copyOf(first.platform).get(PATH) as Uint8Array
    const journals = [journalOf(first.platform)]
    await commit(store, apart(store, 0))
    await commit(store, apart(store, 1))
    const left = copyOf(first.platform).set(PATH, data)
    store.close()
    const second = observed(left)
    const kills = killsDuring(second, () => {
      openStoreOn(second.platform, PATH, Item, OPTIONS).close()
    })
    expect(kills.length).toBeGreaterThan(10)
    await expectNoMixture(kills, journals)
  })

  it('may lose a commit that was not synced while recovery reads it', async () => {
    const first = observed()
    const store = filled(first.platform)
    await store.checkpoint()
    const empty = journalOf(first.platform)
    apart(store, 0)()
    await store.commit({ durability: 'process' })
    const left = copyOf(first.platform)
    const journal = [...left.keys()].indexOf(`${PATH}-journal`) + 1
    store.close()
    const second = observed(left)
    let cut: Files | undefined
    second.listener = event => {
      if (event.kind === 'sync-end' && event.file === journal) cut ??= copyOf(second.platform)
    }
    openStoreOn(second.platform, PATH, Item, OPTIONS, { journalBytesAtOnce: 0, changesAtOnce: 0 }).close()
    const files = new Map(cut).set(`${PATH}-journal`, empty)
    expect(await outcome(files, false, 'frames that were not synced are gone')).toBe('right')
  })
})

function copyOf(platform: SimulatedPlatform): Map<string, Uint8Array> {
  return new Map([...platform.files()].map(([path, bytes]) => [path, bytes.slice()]))
}

function journalOf(platform: SimulatedPlatform): Uint8Array {
  return copyOf(platform).get(`${PATH}-journal`) as Uint8Array
}
