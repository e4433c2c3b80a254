/**
 * What could go wrong with whole-file work: records lost or renumbered wrongly, an old file damaged by a failure, a
 * leftover beside it, a verify that finds nothing.
 * Rules of docs/durability.md: D9.
 */

import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ascii, migrateStore, migrateStoreAsync, type OldRecord, openStore, u16 } from 'stridedb'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { codeOf, codeOfAsync, Trade, temporaryFolder, trade } from './support.ts'

function filled(count: number, deleted: readonly number[] = []): string {
  const path = join(temporaryFolder(), 'trades.stride')
  const store = openStore(path, Trade)
  store.appendMany(Array.from({ length: count }, (_, i) => trade(i)))
  for (const n of deleted) store.delete(n)
  store.commitSync()
  store.close()
  return path
}

function leftovers(path: string): string[] {
  return readdirSync(join(path, '..')).filter(name => name.includes('-new-'))
}

describe('compact', () => {
  test('drops deleted records, keeps the order, tells the new numbers, and the store goes on', async () => {
    const path = filled(20_000, [0, 7, 19_999])
    const store = openStore(path, Trade)
    const row = store.row(8)
    const moved = await store.compact()
    expect([moved.length, moved[0], moved[1], moved[7], moved[8], moved[19_999]]).toEqual([
      20_000, -1, 0, -1, 6, -1,
    ])
    expect([store.count, store.size]).toEqual([19_997, 19_997])
    expect(store.get(6)).toEqual(trade(8))
    expect(row.seek(6).id).toBe(8)
    expect(store.append(trade(1))).toBe(19_997)
    await store.commit()
    expect(await store.verify()).toMatchObject({ ok: true, recordsChecked: 19_998 })
    store.close()
    expect(openStore(path, Trade, { readOnly: true }).count).toBe(19_998)
    expect(leftovers(path)).toEqual([])
  })

  test('of a store without records leaves an empty store', async () => {
    const path = filled(2, [0, 1])
    using store = openStore(path, Trade)
    expect(await store.compact()).toEqual(Float64Array.of(-1, -1))
    expect([store.count, store.size, store.append(trade(0))]).toEqual([0, 0, 0])
  })

  test('is refused while changes are staged', async () => {
    using store = openStore(filled(3), Trade)
    store.append(trade(3))
    expect(await codeOfAsync(store.compact())).toBe('ERR_STRIDE_TRANSACTION')
  })

  test('tells its progress; reading goes on meanwhile, changes and other such work are refused', async () => {
    const path = filled(150_000, [0])
    using store = openStore(path, Trade)
    const told: number[] = []
    const seen: unknown[] = []
    await store.compact({
      progress: (done, total) => {
        told.push(done)
        seen.push(total, store.get(149_999)?.id)
        expect(codeOf(() => store.append(trade(0)))).toBe('ERR_STRIDE_BUSY')
        expect(codeOf(() => store.commitSync())).toBe('ERR_STRIDE_BUSY')
      },
    })
    expect(told.length).toBeGreaterThan(2)
    expect(told).toEqual([...told].sort((a, b) => a - b))
    expect(told.at(-1)).toBe(150_000)
    expect(new Set(seen)).toEqual(new Set([150_000, trade(149_999).id]))
    expect(store.get(149_998)).toEqual(trade(149_999))
    const compacting = store.compact()
    expect(await codeOfAsync(store.compact())).toBe('ERR_STRIDE_BUSY')
    expect(await codeOfAsync(store.backup(`${path}.copy`))).toBe('ERR_STRIDE_BUSY')
    await compacting
    expect(store.append(trade(1))).toBe(149_999)
  })

  test('lets checkpoints end that were asked for before', async () => {
    const path = filled(20_000, [0])
    using store = openStore(path, Trade, { journalBytes: 65_536, indexes: { byId: { on: 'id' } } })
    for (let round = 1; round <= 4; round++) {
      for (let n = 0; n < 300; n++) store.update(n + 1, { qty: round })
      await store.commit()
      await Promise.all([store.checkpoint(), store.checkpoint(), store.compact(), store.flush()])
      expect(store.field(7, 'qty')).toBe(round)
    }
    for (let n = 0; n < 300; n++) store.update(n, { qty: 5 })
    await store.commit()
    await Promise.all([store.checkpoint(), store.checkpoint(), store.closeAsync()])
    using again = openStore(path, Trade, { readOnly: true })
    expect(again.field(7, 'qty')).toBe(5)
  })

  test('an abort, a throwing progress and a closing leave the store as it was', async () => {
    const path = filled(100_000, [3])
    const store = openStore(path, Trade)
    const controller = new AbortController()
    const { signal } = controller
    const aborted = store.compact({ signal, progress: () => controller.abort(new Error('enough')) })
    await expect(aborted).rejects.toThrow('enough')
    const throwing = store.compact({
      progress: () => {
        throw new Error('no more')
      },
    })
    await expect(throwing).rejects.toThrow('no more')
    expect(leftovers(path)).toEqual([])
    expect([store.count, store.has(3), store.append(trade(1))]).toEqual([99_999, false, 100_000])
    await store.commit()
    const closed = store.compact({ progress: () => store.close() })
    expect(await codeOfAsync(closed)).toBe('ERR_STRIDE_CLOSED')
    expect(leftovers(path)).toEqual([])
    using again = openStore(path, Trade)
    expect([again.count, again.size, again.has(3)]).toEqual([100_000, 100_001, false])
    expect(await again.verify()).toMatchObject({ ok: true })
  })

  test('closeAsync waits for it', async () => {
    const path = filled(100_000, [3])
    const store = openStore(path, Trade)
    const compacting = store.compact()
    await store.closeAsync()
    expect((await compacting)[4]).toBe(3)
    expect(openStore(path, Trade, { readOnly: true }).size).toBe(99_999)
  })

  test.skipIf(process.platform === 'win32')('keeps the permissions of the file', async () => {
    const path = filled(10, [3])
    chmodSync(path, 0o640)
    using store = openStore(path, Trade)
    await store.compact()
    expect(statSync(path).mode & 0o777).toBe(0o640)
  })
})

describe('backup', () => {
  test('copies the last commit, without what is staged, and can be opened', async () => {
    const path = filled(50_000, [3])
    using store = openStore(path, Trade)
    store.update(0, { qty: 1 })
    store.append(trade(1))
    const target = `${path}.backup`
    const told: number[] = []
    await store.backup(target, { progress: (copied, total) => told.push(copied / total) })
    expect(told.at(-1)).toBe(1)
    using copy = openStore(target, Trade)
    expect([copy.count, copy.size, copy.has(3)]).toEqual([49_999, 50_000, false])
    expect(copy.get(0)).toEqual(trade(0))
    expect(await copy.verify()).toMatchObject({ ok: true })
    expect(store.field(0, 'qty')).toBe(1)
  })

  test.each(['the writer', 'a reader'])('from %s holds one commit, whole, though commits go on', async from => {
    const path = filled(200_000, [7])
    using store = openStore(path, Trade, { journalBytes: 1 << 20 })
    using reader = openStore(path, Trade, { readOnly: true })
    let round = 0
    // Each commit gives the first, a middle and the last record the same quantity, and moves a deletion on.
    const commit = (): void => {
      round++
      const last = store.append({ ...trade(0), qty: round })
      for (const n of [0, 100_000, last]) store.update(n, { qty: round })
      if (round > 1) store.put(last - 1, { ...trade(1), qty: 0 })
      store.delete(1000 + round)
      store.commitSync()
    }
    const target = `${path}.backup`
    await (from === 'the writer' ? store : reader).backup(target, { progress: commit })
    expect(round).toBeGreaterThan(3)
    const after = round
    commit()
    using copy = openStore(target, Trade)
    const held = copy.field(0, 'qty')
    expect(held).toBeGreaterThan(0)
    expect(held).toBeLessThanOrEqual(after)
    expect(copy.size).toBe(200_000 + held)
    expect(copy.gather('qty', [100_000, copy.size - 1])).toEqual(Uint32Array.of(held, held))
    expect(copy.count).toBe(copy.size - 1 - held)
    expect([copy.has(1000 + held), copy.has(1001 + held)]).toEqual([false, true])
    expect(await copy.verify()).toMatchObject({ ok: true })
  })

  test('works from a reader, refuses an existing target, and an abort leaves nothing', async () => {
    const path = filled(100_000)
    using reader = openStore(path, Trade, { readOnly: true })
    await reader.backup(`${path}.copy`)
    expect(await codeOfAsync(reader.backup(`${path}.copy`))).toBe('ERR_STRIDE_EXISTS')
    const controller = new AbortController()
    const aborted = reader.backup(`${path}.aborted`, {
      signal: controller.signal,
      progress: () => controller.abort(new Error('enough')),
    })
    await expect(aborted).rejects.toThrow('enough')
    expect(existsSync(`${path}.aborted`)).toBe(false)
    expect(leftovers(path)).toEqual([])
  })
})

describe('migrateStore', () => {
  const Wider = Trade.omit({ flags: true }).extend({ venue: ascii(4).default('XNAS'), lot: u16() })

  const withLot = ({ flags, ...rest }: OldRecord): z.input<typeof Wider> => ({
    ...(rest as Omit<z.output<typeof Trade>, 'flags'>),
    lot: flags as number,
  })

  test('gives the records another schema under their numbers', () => {
    const path = filled(3000, [5])
    const live = migrateStore(path, Wider, withLot)
    expect(live).toBe(2999)
    using store = openStore(path, Wider)
    expect([store.count, store.size, store.has(5)]).toEqual([2999, 3000, false])
    const { flags, ...rest } = trade(77)
    expect(store.get(77)).toEqual({ ...rest, venue: 'XNAS', lot: flags })
    expect(codeOf(() => openStore(path, Trade, { readOnly: true }))).toBe('ERR_STRIDE_SCHEMA_MISMATCH')
  })

  test('takes fields of the same name over without a map', () => {
    const path = filled(10)
    migrateStore(path, Trade.omit({ note: true }).extend({ rank: u16().default(3) }))
    using store = openStore(path)
    const { note: _, ...rest } = trade(4)
    expect(store.get(4)).toEqual({ ...rest, rank: 3 })
  })

  test('leaves the old file when a record does not fit, and names it', () => {
    const path = filled(300)
    const before = readFileSync(path)
    const Narrow = z.object({ id: z.uint32().max(200), symbol: ascii(8) })
    expect(() => migrateStore(path, Narrow)).toThrow(/Record 201/)
    expect(
      readFileSync(path)
        .subarray(4 * 4096)
        .equals(before.subarray(4 * 4096)),
    ).toBe(true)
    expect(leftovers(path)).toEqual([])
    expect(openStore(path, Trade, { readOnly: true }).count).toBe(300)
  })

  test('tells its progress; an abort leaves the old file', () => {
    const path = filled(30_000)
    const told: [number, number][] = []
    const controller = new AbortController()
    const progress = (done: number, total: number): void => {
      told.push([done, total])
      if (told.length === 2) controller.abort(new Error('enough'))
    }
    expect(() => migrateStore(path, Wider, withLot, { progress, signal: controller.signal })).toThrow('enough')
    expect(told).toHaveLength(2)
    expect(leftovers(path)).toEqual([])
    const reader = openStore(path, Trade, { readOnly: true })
    expect(reader.get(29_999)).toEqual(trade(29_999))
    reader.close()
    expect(migrateStore(path, Wider, withLot, { progress })).toBe(30_000)
    expect(told.at(-1)).toEqual([30_000, 30_000])
  })

  test('goes turn by turn too, and nobody else writes meanwhile', async () => {
    const path = filled(30_000, [5])
    let turns = 0
    let busy = ''
    const progress = (): void => {
      busy = codeOf(() => openStore(path, Trade)) ?? ''
      setImmediate(() => turns++)
    }
    expect(await migrateStoreAsync(path, Wider, withLot, { progress })).toBe(29_999)
    expect(turns).toBeGreaterThan(2)
    expect(busy).toBe('ERR_STRIDE_BUSY')
    using store = openStore(path, Wider)
    expect([store.has(5), store.get(29_999)?.lot]).toEqual([false, trade(29_999).flags])
    const controller = new AbortController()
    const back = migrateStoreAsync(path, Wider, undefined, { signal: controller.signal })
    expect(await codeOfAsync(back)).toBe('ERR_STRIDE_BUSY')
  })

  test('goes turn by turn too, until it is aborted', async () => {
    const path = filled(30_000)
    const controller = new AbortController()
    const progress = (): void => controller.abort(new Error('enough'))
    const aborted = migrateStoreAsync(path, Wider, withLot, { progress, signal: controller.signal })
    await expect(aborted).rejects.toThrow('enough')
    expect(leftovers(path)).toEqual([])
    using store = openStore(path, Trade)
    expect(store.get(29_999)).toEqual(trade(29_999))
  })
})

describe('verify', () => {
  test('finds a flipped bit in identity, roots and live bits, and an impossible value, with offsets', async () => {
    const Kind = z.object({ kind: z.enum(['buy', 'sell']), n: z.uint32() })
    const path = join(temporaryFolder(), 'kinds.stride')
    const store = openStore(path, Kind)
    store.appendMany(Array.from({ length: 100 }, (_, n) => ({ kind: 'buy' as const, n })))
    store.delete(50)
    store.commitSync()
    expect(await store.verify()).toEqual({ ok: true, findings: [], recordsChecked: 99 })
    const { dataOffset } = { dataOffset: 5 * 4096 }
    const flip = (offset: number): void => {
      const bytes = readFileSync(path)
      bytes[offset] = (bytes[offset] as number) ^ 0x80
      writeFileSync(path, bytes, { flag: 'r+' })
    }
    const found = async (): Promise<[string, number][]> =>
      (await store.verify()).findings.map(({ code, offset }) => [code, offset])
    for (const offset of [100, 4096 + 30, dataOffset + 7 * store.recordSize]) {
      flip(offset)
      const findings = await found()
      expect(findings.length).toBeGreaterThan(0)
      expect(findings.every(([code]) => code === 'ERR_STRIDE_CORRUPT')).toBe(true)
      flip(offset)
      expect(await found()).toEqual([])
    }
    flip(dataOffset + 7 * store.recordSize)
    expect(await found()).toEqual([['ERR_STRIDE_CORRUPT', dataOffset + 7 * store.recordSize]])
    flip(dataOffset + 7 * store.recordSize)
    const bytes = readFileSync(path)
    const bits = Number(bytes.readBigUInt64LE(4096 + 48) || bytes.readBigUInt64LE(2 * 4096 + 48))
    for (const byte of [3, 100]) {
      flip(bits + byte)
      expect(await found()).toEqual([['ERR_STRIDE_CORRUPT', bits]])
      flip(bits + byte)
    }
    expect(await found()).toEqual([])
    store.close()
  })
})
