/**
 * What could go wrong: two openers initialise, or none; an opener sees memory that is half initialised; one that dies inside
 * `initialize` blocks the others for ever, or leaves them its half; waiting blocks the event loop.
 */

import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { type MappedView, SharedMemory } from '../../src/mmap/index.ts'
import { childScript } from '../child-scripts.ts'
import { Companion, codeOf, thrownBy } from './places.ts'

let made = 0
const newName = (): string => `init-${process.pid}-${made++}`
const SIZE = 4096

/** Opens and keeps one object after the other, counts its own runs of `initialize` in the log, and checks each object whole. */
const RACER = childScript(`
  import { SharedMemory } from 'src/mmap/index.ts'
  const [name, rounds] = process.argv.slice(2)
  const log = SharedMemory.open(name + '-log')
  const ran = new Int32Array(log.view().bytes.buffer, 0, Number(rounds))
  console.log('ready')
  process.stdin.once('data', () => {
    const kept = []
    let wrong = 0
    for (let round = 0; round < Number(rounds); round++) {
      const shared = SharedMemory.open(name + '-' + round, { size: ${SIZE}, initialize(view) {
        Atomics.add(ran, round, 1)
        for (let i = 0; i < view.bytes.length; i++) view.bytes[i] = round + 1
      } })
      if (shared.view().bytes.some(byte => byte !== round + 1)) wrong++
      kept.push(shared)
    }
    console.log('wrong ' + wrong)
    process.stdin.once('data', () => process.exit(0))
  })`)

/** Says when it is inside \`initialize\`, half done, and stays there; or how its opening ended. */
const STUCK = childScript(`
  import { writeSync } from 'node:fs'
  import { SharedMemory } from 'src/mmap/index.ts'
  const [name, stay] = process.argv.slice(2)
  console.log('ready')
  process.stdin.once('data', () => {
    const shared = SharedMemory.open(name, { size: ${SIZE}, initialize(view) {
      const isZero = view.bytes.every(byte => byte === 0)
      view.bytes.fill(7, 0, ${SIZE / 2})
      if (stay === 'stay') {
        writeSync(1, 'inside\\n')
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
      }
      view.bytes.fill(isZero ? 8 : 9)
    } })
    console.log([shared.created, shared.initialized, shared.view().bytes.every(byte => byte === 8)].join(' '))
    process.stdin.once('data', () => process.exit(0))
  })`)

describe('initialize of shared memory', () => {
  it('runs once among racing processes, and nobody sees the memory before its end', async () => {
    const name = newName()
    const rounds = 60
    using log = SharedMemory.open(`${name}-log`, { size: rounds * 4 })
    const racers = Array.from({ length: 8 }, () => new Companion(RACER, [name, String(rounds)]))
    for (const racer of racers) await racer.line()
    for (const racer of racers) racer.say('go')
    for (const racer of racers) expect(await racer.line()).toBe('wrong 0')
    const ran = new Int32Array(log.view().bytes.buffer, 0, rounds)
    expect(Array.from(ran)).toEqual(Array.from({ length: rounds }, () => 1))
    for (const racer of racers) racer.say('end')
    for (const racer of racers) expect(await racer.ended()).toBe(0)
  })

  it('is run again, over zeros, by one of those that wait when its process is killed', async () => {
    const name = newName()
    const first = new Companion(STUCK, [name, 'stay'])
    const others = [new Companion(STUCK, [name, 'go on']), new Companion(STUCK, [name, 'go on'])]
    for (const each of [first, ...others]) expect(await each.line()).toBe('ready')
    first.say('go')
    expect(await first.line()).toBe('inside')
    for (const each of others) each.say('go')
    expect(codeOf(() => SharedMemory.open(name, { lockTimeoutMs: 20 }))).toBe('ERR_STRIDE_BUSY')
    // It has the object open when the first one dies, so the memory stays, half initialised.
    const waiting = SharedMemory.openAsync(name, { lockTimeoutMs: Number.POSITIVE_INFINITY })
    await first.kill()
    const said = [await (others[0] as Companion).line(), await (others[1] as Companion).line()]
    expect(said.map(line => line.endsWith(' true'))).toEqual([true, true])
    expect(said.filter(line => line.split(' ')[1] === 'true')).toHaveLength(1)
    expect(said.filter(line => line.split(' ')[0] === 'true')).toEqual([])
    using waited = await waiting
    expect([waited.created, waited.initialized, waited.view().bytes[SIZE - 1]]).toEqual([false, false, 8])
  })

  it('that throws leaves the memory to the next opener, which finds zeros', () => {
    const name = newName()
    const failing = (view: MappedView): void => {
      view.bytes.fill(3)
      throw new Error('no configuration')
    }
    expect(thrownBy(() => SharedMemory.open(name, { size: SIZE, initialize: failing })).message).toBe(
      'no configuration',
    )
    // Nobody had it open besides, so it is gone.
    expect(codeOf(() => SharedMemory.open(name))).toBe('ERR_STRIDE_NOT_FOUND')
    using next = SharedMemory.open(name, { size: SIZE, initialize: view => void (view.bytes[0] = 1) })
    expect(next.view().bytes.subarray(0, 3)).toEqual(Uint8Array.of(1, 0, 0))
  })

  it('that throws while others wait is run again by one of them', async () => {
    const name = newName()
    let attempts = 0
    const initialize = (view: MappedView): void => {
      attempts++
      if (attempts === 1) {
        view.bytes.fill(9)
        throw new Error('first')
      }
      if (view.bytes.every(byte => byte === 0)) view.bytes.fill(5)
    }
    const other = new Companion(STUCK, [name, 'stay'])
    await other.line()
    other.say('go')
    await other.line()
    const ending = Promise.allSettled(
      [1, 2].map(() => SharedMemory.openAsync(name, { size: SIZE, initialize })),
    )
    await other.kill()
    const ends = await ending
    const [opened] = ends.filter(end => end.status === 'fulfilled')
    expect(ends.map(end => end.status).toSorted()).toEqual(['fulfilled', 'rejected'])
    expect(attempts).toBe(2)
    expect(opened?.value.initialized).toBe(true)
    expect(opened?.value.view().bytes.every(byte => byte === 5)).toBe(true)
    opened?.value.close()
  })

  it('does not block the event loop with openAsync, and ends with a code after lockTimeoutMs', async () => {
    const name = newName()
    const other = new Companion(STUCK, [name, 'stay'])
    await other.line()
    other.say('go')
    await other.line()
    let ticks = 0
    const ticking = setInterval(() => ticks++, 1)
    const error = await SharedMemory.openAsync(name, { lockTimeoutMs: 60 }).catch((reason: unknown) => reason)
    clearInterval(ticking)
    expect(error).toMatchObject({ code: 'ERR_STRIDE_BUSY' })
    expect(ticks).toBeGreaterThan(1)
    expect(codeOf(() => SharedMemory.open(name, { size: 1, initialize() {}, lockTimeoutMs: 0 }))).toBe(
      'ERR_STRIDE_BUSY',
    )
  })

  it('must be synchronous, and may not open its own object', () => {
    const name = newName()
    for (const initialize of [async () => undefined, () => Promise.reject(new Error('lost'))]) {
      expect(thrownBy(() => SharedMemory.open(name, { size: 8, initialize }))).toBeInstanceOf(TypeError)
    }
    const again = (): unknown => SharedMemory.open(name, { size: 8, initialize: again })
    expect(thrownBy(() => SharedMemory.open(name, { size: 8, initialize: again })).message).toContain(
      'may not open the object',
    )
    let inner: MappedView | undefined
    using shared = SharedMemory.open(name, {
      size: 8,
      initialize(view) {
        inner = view
        using other = SharedMemory.open(`${name}-other`, { size: 8, initialize: each => each.bytes.fill(2) })
        view.bytes.set(other.view().bytes)
      },
    })
    expect(shared.view().bytes[7]).toBe(2)
    expect(codeOf(() => inner?.bytes)).toBe('ERR_STRIDE_CLOSED')
  })

  it('is not run for an object whose creator gave none: that is told by created', () => {
    const name = newName()
    using first = SharedMemory.open(name, { size: 8 })
    first.view().bytes.fill(6)
    using second = SharedMemory.open(name, { size: 8, initialize: view => view.bytes.fill(1) })
    expect([first.created, first.initialized, second.created, second.initialized]).toEqual([
      true,
      false,
      false,
      false,
    ])
    expect(second.view().bytes[0]).toBe(6)
  })

  it('runs once among worker threads of one process', async () => {
    const name = newName()
    using log = SharedMemory.open(`${name}-log`, { size: 4 })
    const script = childScript(`
      import { parentPort, workerData } from 'node:worker_threads'
      import { SharedMemory } from 'src/mmap/index.ts'
      const log = SharedMemory.open(workerData + '-log')
      const ran = new Int32Array(log.view().bytes.buffer, 0, 1)
      const shared = SharedMemory.open(workerData, { size: 64, initialize(view) { Atomics.add(ran, 0, 1); view.bytes.fill(4) } })
      parentPort.postMessage(shared.view().bytes.every(byte => byte === 4))
      parentPort.once('message', () => { shared.close(); log.close() })`)
    const workers = Array.from({ length: 4 }, () => new Worker(script, { workerData: name }))
    const said = await Promise.all(
      workers.map(worker => new Promise(resolve => worker.once('message', resolve))),
    )
    expect(said).toEqual([true, true, true, true])
    expect(log.view().dataView.getInt32(0, true)).toBe(1)
    for (const worker of workers) worker.postMessage('end')
    await Promise.all(workers.map(worker => new Promise(resolve => worker.once('exit', resolve))))
  })
})
