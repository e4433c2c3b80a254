/**
 * What could go wrong with records of a schema in shared memory: another schema reads them, a record is torn, an addition is lost, a
 * process that died keeps the others out, two openers initialise, a wrong argument reaches memory.
 */

import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import {
  f64,
  field,
  sharedArray,
  sharedArrayAsync,
  sharedRecord,
  sharedRecordAsync,
  u8,
  u16,
  utf8,
} from 'stridedb'
import { SharedMemory } from 'stridedb/mmap'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { FIRST_FREE_LOCK } from '../../../src/mmap/shared-initializing.ts'
import { sharedObjectOf } from '../../../src/mmap/shared-memory.ts'
import { childScript } from '../../child-scripts.ts'
import { Companion, codeOf, isWindows, thrownBy } from '../../mmap/places.ts'

let made = 0
const newName = (): string => `records-${process.pid}-${made++}`

const Config = z.object({
  host: utf8(20),
  port: u16(),
  ratio: f64(),
  level: z.enum(['low', 'high']),
  requests: z.uint32(),
  errors: z.uint32(),
})
const CONFIG = { host: 'localhost', port: 80, ratio: 0.5, level: 'high', requests: 0, errors: 7 } as const

const CONFIG_SOURCE = `
  import { z } from 'zod'
  import { f64, u16, utf8 } from 'src/schema/public.ts'
  import { sharedRecord } from 'src/engine/shared-memory/shared-record.ts'
  import { sharedArray } from 'src/engine/shared-memory/shared-array.ts'
  import { SharedMemory } from 'src/mmap/index.ts'
  const Config = z.object({ host: utf8(20), port: u16(), ratio: f64(), level: z.enum(['low', 'high']),
    requests: z.uint32(), errors: z.uint32() })
  const Wide = z.object({ values: z.array(f64()).length(64), count: z.uint32() })
  const [name, what] = process.argv.slice(2)`

describe('a shared record', () => {
  it('is initialised once, and read, replaced and changed by every opener', () => {
    const name = newName()
    let runs = 0
    const initialize = () => {
      runs++
      return CONFIG
    }
    using first = sharedRecord(name, Config, { initialize })
    using second = sharedRecord(name, Config, { initialize })
    expect([runs, first.memory.created, first.memory.initialized, second.memory.initialized]).toEqual([
      1,
      true,
      true,
      false,
    ])
    expect(second.get()).toEqual(CONFIG)
    second.update({ port: 8080, level: 'low' })
    expect([first.field('port'), first.field('level'), first.field('host')]).toEqual([8080, 'low', 'localhost'])
    first.set({ ...CONFIG, host: 'other' })
    expect(second.get()).toEqual({ ...CONFIG, host: 'other' })
    first.update(record => ({ port: record.port + 1 }))
    expect(second.field('port')).toBe(81)
    expect(second.add('requests')).toBe(1)
    expect(first.add('requests', 5)).toBe(6)
    expect(first.counters).toEqual(['requests', 'errors'])
  })

  it('changes nothing where a record or a change does not fit', () => {
    using record = sharedRecord(newName(), Config, { initialize: () => CONFIG })
    const calls = [
      () => record.set({ ...CONFIG, port: 70_000 }),
      () => record.update({ port: -1 }),
      () => record.update({ gone: 1 } as never),
      () => record.update(() => ({ host: 5 }) as never),
    ]
    for (const call of calls) expect(codeOf(call)).toBe('ERR_STRIDE_RECORD')
    expect(thrownBy(() => record.update((async () => ({})) as never))).toBeInstanceOf(TypeError)
    expect(record.get()).toEqual(CONFIG)
  })

  it('has an initialize whose record is of the schema, literals included, for the compiler as well', () => {
    using record = sharedRecord(newName(), z.object({ level: z.enum(['low', 'high']), n: z.uint32() }), {
      initialize: () => ({ level: 'high', n: 1 }),
    })
    const level: 'low' | 'high' = record.get().level
    expect(level).toBe('high')
    // @ts-expect-error there is no such level
    const wrong = () => sharedRecord(newName(), Config, { initialize: () => ({ ...CONFIG, level: 'middle' }) })
    expect(codeOf(wrong)).toBe('ERR_STRIDE_RECORD')
  })

  it('is zeros where nothing initialises it, and no object is left where initialize fails', () => {
    using zeros = sharedRecord(newName(), Config)
    expect(zeros.get()).toEqual({ host: '', port: 0, ratio: 0, level: 'low', requests: 0, errors: 0 })
    const name = newName()
    const wrong = [() => ({ ...CONFIG, port: -1 }), () => 5, async () => CONFIG, () => undefined]
    for (const initialize of wrong) {
      expect(thrownBy(() => sharedRecord(name, Config, { initialize: initialize as never }))).toBeInstanceOf(
        Error,
      )
      expect(codeOf(() => SharedMemory.open(name))).toBe('ERR_STRIDE_NOT_FOUND')
    }
  })

  it('refuses another schema field by field, another count, and memory without records', () => {
    const name = newName()
    using _record = sharedRecord(name, Config, { initialize: () => CONFIG })
    const Other = Config.omit({ errors: true }).extend({ port: z.uint32(), more: u8() })
    const mismatch = thrownBy(() => sharedRecord(name, Other))
    expect(mismatch.code).toBe('ERR_STRIDE_SCHEMA_MISMATCH')
    for (const part of ["'port' was u16", 'is u32', "'errors' is gone", "'more' is new", name])
      expect(mismatch.message).toContain(part)
    expect(thrownBy(() => sharedArray(name, Config, 2)).message).toContain('it has 1 records, not 2')
    const plain = newName()
    using memory = SharedMemory.open(plain, { size: 4096 })
    expect(codeOf(() => sharedRecord(plain, Config))).toBe('ERR_STRIDE_NAME_TAKEN')
    expect(codeOf(() => sharedRecord(memory, Config))).toBe('ERR_STRIDE_NAME_TAKEN')
    using tiny = SharedMemory.open(newName(), { size: 1 })
    expect(codeOf(() => sharedRecord(tiny, Config))).toBe('ERR_STRIDE_NAME_TAKEN')
    // Memory that was handed in stays its owner's.
    expect(memory.view().length).toBe(4096)
  })

  it('is opened without blocking the event loop, by whichever opener runs initialize', async () => {
    const name = newName()
    let runs = 0
    const initialize = () => {
      runs++
      return CONFIG
    }
    const records = await Promise.all([1, 2, 3].map(() => sharedRecordAsync(name, Config, { initialize })))
    expect([runs, ...records.map(record => record.field('port'))]).toEqual([1, 80, 80, 80])
    using array = await sharedArrayAsync(newName(), Config, 2, { initialize })
    expect([...array]).toEqual([CONFIG, CONFIG])
    await expect(sharedArrayAsync(name, Config, 2)).rejects.toMatchObject({
      code: 'ERR_STRIDE_SCHEMA_MISMATCH',
    })
    await expect(sharedArrayAsync(name, Config, 0)).rejects.toBeInstanceOf(RangeError)
    for (const record of records) record.close()
    const failing = sharedRecordAsync(name, Config, { initialize: () => ({ ...CONFIG, port: -1 }) })
    await expect(failing).rejects.toMatchObject({ code: 'ERR_STRIDE_RECORD' })
    expect(codeOf(() => SharedMemory.open(name))).toBe('ERR_STRIDE_NOT_FOUND')
  })

  it('refuses what cannot be meant', () => {
    using record = sharedRecord(newName(), Config)
    using array = sharedArray(newName(), Config, 3)
    for (const n of [-1, 3, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      for (const call of [
        () => array.get(n),
        () => array.field(n, 'port'),
        () => array.set(n, CONFIG),
        () => array.update(n, { port: 1 }),
        () => array.add(n, 'requests'),
      ])
        expect(thrownBy(call), String(n)).toBeInstanceOf(RangeError)
    }
    for (const n of ['0', 0n, null, undefined, {}])
      expect(thrownBy(() => array.get(n as never))).toBeInstanceOf(TypeError)
    for (const count of [0, -1, 0.5, Number.NaN, 2 ** 53])
      expect(thrownBy(() => sharedArray('x', Config, count))).toBeInstanceOf(RangeError)
    expect(thrownBy(() => sharedArray('x', Config, '3' as never))).toBeInstanceOf(TypeError)
    expect(thrownBy(() => record.add('port'))).toBeInstanceOf(TypeError)
    expect(thrownBy(() => record.add('port')).message).toContain('requests')
    expect(thrownBy(() => record.add('prot' as never))).toBeInstanceOf(RangeError)
    expect(thrownBy(() => record.field('prot' as never))).toBeInstanceOf(RangeError)
    for (const delta of [0.5, Number.NaN, 2 ** 32, -(2 ** 32)])
      expect(thrownBy(() => record.add('requests', delta))).toBeInstanceOf(RangeError)
    expect(thrownBy(() => record.add('requests', '1' as never))).toBeInstanceOf(TypeError)
    for (const name of ['', 'a/b', '..', 'x'.repeat(201)])
      expect(thrownBy(() => sharedRecord(name, Config))).toBeInstanceOf(RangeError)
    for (const name of [undefined, 5, null, {}])
      expect(thrownBy(() => sharedRecord(name as never, Config))).toBeInstanceOf(TypeError)
    expect(thrownBy(() => sharedRecord('x', 5 as never))).toBeInstanceOf(TypeError)
    expect(codeOf(() => sharedRecord('x', z.object({ a: z.string() })))).toBe('ERR_STRIDE_LAYOUT')
    expect(thrownBy(() => sharedRecord('x', Config, { mod: 1 } as never)).message).toContain("'mode'")
    expect(thrownBy(() => sharedRecord(record.memory, Config, { initialize: () => CONFIG }))).toBeInstanceOf(
      TypeError,
    )
  })

  it('throws after close, its own or that of its memory', () => {
    for (const close of ['record', 'memory']) {
      const record = sharedRecord(newName(), Config, { initialize: () => CONFIG })
      if (close === 'record') record.close()
      else record.memory.close()
      record.close()
      const calls = [
        () => record.get(),
        () => record.field('port'),
        () => record.set(CONFIG),
        () => record.update({ port: 1 }),
        () => record.add('requests'),
        () => record.share(),
      ]
      for (const call of calls) expect(codeOf(call)).toBe('ERR_STRIDE_CLOSED')
    }
  })

  it.skipIf(isWindows)('says that another process holds its lock, and is read all the same', () => {
    const name = newName()
    using record = sharedRecord(name, Config, { initialize: () => CONFIG, lockTimeoutMs: 10 })
    using other = SharedMemory.open(name)
    expect(sharedObjectOf(other as never).tryLock(FIRST_FREE_LOCK)).toBe(true)
    expect(thrownBy(() => record.update({ port: 1 }))).toMatchObject({
      code: 'ERR_STRIDE_BUSY',
      recordNumber: 0,
    })
    expect([record.get(), record.add('requests')]).toEqual([CONFIG, 1])
    sharedObjectOf(other as never).unlock(FIRST_FREE_LOCK)
    record.update({ port: 1 })
    expect(record.field('port')).toBe(1)
  })
})

describe('counters', () => {
  it('wrap at 2^32, in both directions', () => {
    using record = sharedRecord(newName(), Config)
    expect(record.add('requests', -1)).toBe(2 ** 32 - 1)
    expect(record.field('requests')).toBe(2 ** 32 - 1)
    expect(record.add('requests', 2)).toBe(1)
    expect(record.add('requests', 2 ** 32 - 1)).toBe(0)
  })

  it('are u32 fields in place: nested ones too, and none that may be null or is big-endian or odd', () => {
    const Fields = z.object({
      a: u8(),
      b: z.uint32(),
      inner: z.object({ c: z.uint32(), d: u8() }),
      maybe: z.uint32().nullable(),
      inside: z.object({ e: z.uint32() }).nullable(),
      big: field(z.uint32(), { endian: 'big' }),
      odd: field(z.uint32(), { offset: 41 }),
      list: z.array(z.uint32()).length(2),
    })
    using record = sharedRecord(newName(), Fields)
    expect(record.counters).toEqual(['b', 'inner.c'])
    record.add('b', 3)
    record.add('inner.c', 4)
    expect([record.get().b, record.get().inner]).toEqual([3, { c: 4, d: 0 }])
    for (const name of ['maybe', 'inside.e', 'big', 'odd', 'list', 'a'] as const)
      expect(
        thrownBy(() => record.add(name)),
        name,
      ).toBeInstanceOf(TypeError)
  })

  it('obey refinements, which a sum may break', () => {
    const Limited = z.object({ inner: z.object({ n: z.uint32() }), total: z.uint32().max(3) })
    using record = sharedRecord(newName(), Limited)
    expect([record.add('total', 3), record.add('inner.n', 2)]).toEqual([3, 2])
    expect(codeOf(() => record.add('total'))).toBe('ERR_STRIDE_RECORD')
    expect(record.get()).toEqual({ inner: { n: 2 }, total: 3 })
  })

  it('are exact between four processes, beside changes of other fields', async () => {
    const name = newName()
    using record = sharedRecord(name, Config, { initialize: () => ({ ...CONFIG, errors: 0 }) })
    const script = childScript(`${CONFIG_SOURCE}
      const record = sharedRecord(name, Config)
      console.log('ready')
      process.stdin.once('data', () => {
        for (let i = 0; i < 100_000; i++) {
          record.add('requests')
          if (i % 20 === 0) record.update(({ port }) => ({ port: (port + 1) % 60_000 }))
          if (i % 50 === 0) record.update(({ errors }) => ({ errors: errors + 1 }))
        }
        console.log('done')
        process.exit(0)
      })`)
    const children = Array.from({ length: 4 }, () => new Companion(script, [name]))
    for (const child of children) await child.line()
    for (const child of children) child.say('go')
    for (const child of children) expect(await child.line()).toBe('done')
    const { requests, port, errors } = record.get()
    expect([requests, port, errors]).toEqual([400_000, 80 + 20_000, 8000])
  })
})

describe('a shared array', () => {
  it('has records of its own, and gives each whole', () => {
    const name = newName()
    const Item = z.object({ id: z.uint32(), name: utf8(10) })
    const initialize = (n: number) => ({ id: n * 10, name: `n${n}` })
    using array = sharedArray(name, Item, 100, { initialize })
    using other = sharedArray(name, Item, 100)
    expect([other.length, other.counters]).toEqual([100, ['id']])
    expect([...other]).toEqual(Array.from({ length: 100 }, (_, n) => initialize(n)))
    array.set(99, { id: 1, name: 'last' })
    array.update(0, { name: 'first' })
    array.add(1, 'id', 5)
    expect([other.get(0), other.get(1), other.get(98), other.get(99)]).toEqual([
      { id: 0, name: 'first' },
      { id: 15, name: 'n1' },
      { id: 980, name: 'n98' },
      { id: 1, name: 'last' },
    ])
    expect(other.field(99, 'name')).toBe('last')
  })

  it('is never read torn while processes change it and are killed', async () => {
    const Wide = z.object({ values: z.array(f64()).length(64), count: z.uint32() })
    const name = newName()
    using array = sharedArray(name, Wide, 2, { initialize: () => ({ values: Array(64).fill(1), count: 0 }) })
    const script = childScript(`${CONFIG_SOURCE}
      const array = sharedArray(name, Wide, 2)
      const seed = Number(what)
      console.log('ready')
      for (let i = 0; ; i++) {
        if (i % 3 === 0) array.set(i % 2, { values: Array(64).fill(seed + i), count: i })
        else array.update(i % 2, ({ values }) => ({ values: values.map(value => value + 0.5) }))
      }`)
    for (let life = 0; life < 3; life++) {
      const writers = [0, 1].map(n => new Companion(script, [name, String((life * 2 + n) * 1e6)]))
      for (const writer of writers) await writer.line()
      for (let reads = 0; reads < 4000; reads++) {
        const { values } = array.get(reads % 2)
        if (values.some(value => value !== values[0])) expect(values).toEqual([])
      }
      for (const writer of writers) await writer.kill()
      // No lock is left behind, and no half of a change.
      for (const n of [0, 1]) {
        const { values } = array.get(n)
        expect(new Set(values).size).toBe(1)
        array.update(n, { count: life })
        expect(array.get(n)).toEqual({ values, count: life })
      }
    }
  })

  it('is handed to worker threads by a handle, and to children by a descriptor', async () => {
    using record = sharedRecord(newName(), Config, { initialize: () => CONFIG })
    const worker = new Worker(
      childScript(`${CONFIG_SOURCE.replace('process.argv.slice(2)', '[]')}
        import { parentPort, workerData } from 'node:worker_threads'
        const record = sharedRecord(SharedMemory.fromHandle(workerData), Config)
        for (let i = 0; i < 1000; i++) record.add('requests')
        record.update({ host: 'worker' })
        record.close()
        parentPort.postMessage('done')`),
      { workerData: record.share() },
    )
    for (let i = 0; i < 1000; i++) record.add('requests')
    await once(worker, 'message')
    await worker.terminate()
    expect([record.field('requests'), record.field('host')]).toEqual([2000, 'worker'])
    if (isWindows) return
    using inherited = sharedRecord(SharedMemory.fromDescriptor(record.memory.descriptor), Config)
    inherited.update({ port: 5 })
    expect(record.field('port')).toBe(5)
  })
})
