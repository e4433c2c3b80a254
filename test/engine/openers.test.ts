/**
 * What could go wrong between openers: two writers at once, a lock that outlives its process, a reader that sees what
 * is not committed, misses what is, or shows half of a commit.
 * Rules of docs/concurrency.md: S1, S2.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { openStore } from 'stridedb'
import { describe, expect, test } from 'vitest'
import { childScript } from '../child-scripts.ts'
import { BACKENDS, codeOf, codeOfAsync, isWindows, Point, Trade, temporaryFolder, trade } from './support.ts'

/** A child that runs the lines with the store's path in argv, and can be spoken to through its channel. */
function childRunning(lines: string, path: string): ChildProcess {
  return spawn(process.execPath, [childScript(lines), path], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    cwd: process.cwd(),
  })
}

describe.each(BACKENDS)('openers on the $name backend', ({ options }) => {
  test('allow one writer and any number of readers', () => {
    const path = join(temporaryFolder(), 'trades.stride')
    using writer = openStore(path, Trade, options)
    writer.append(trade(0))
    writer.commitSync()
    expect(codeOf(() => openStore(path, Trade, options))).toBe('ERR_STRIDE_BUSY')
    using first = openStore(path, Trade, { ...options, readOnly: true })
    using second = openStore(path, { ...options, readOnly: true })
    expect([first.get(0), second.get(0)]).toEqual([trade(0), trade(0)])
    for (const call of [
      () => first.append(trade(1)),
      () => first.update(0, {}),
      () => first.delete(0),
      () => first.commitSync(),
      () => first.rollback(),
    ]) {
      expect(codeOf(call)).toBe('ERR_STRIDE_READ_ONLY')
    }
  })

  test('let a reader follow commits, and nothing but commits', async () => {
    const path = join(temporaryFolder(), 'trades.stride')
    using writer = openStore(path, Trade, options)
    using reader = openStore(path, Trade, { ...options, readOnly: true })
    expect(reader.count).toBe(0)
    writer.appendMany(Array.from({ length: 30_000 }, (_, i) => trade(i)))
    expect([reader.count, reader.get(0), reader.commitNumber]).toEqual([0, undefined, 0])
    await writer.commit()
    expect([reader.count, reader.get(29_999), reader.commitNumber]).toEqual([30_000, trade(29_999), 1])
    const row = reader.row(5)
    writer.update(5, { qty: 1 })
    writer.delete(6)
    expect([reader.field(5, 'qty'), reader.has(6), row.qty]).toEqual([trade(5).qty, true, trade(5).qty])
    writer.commitSync()
    expect([reader.field(5, 'qty'), reader.has(6), reader.count]).toEqual([1, false, 29_999])
    writer.appendMany(Array.from({ length: 100_000 }, (_, i) => trade(30_000 + i)))
    writer.commitSync()
    expect([reader.has(6), reader.count, reader.get(129_999)]).toEqual([false, 129_999, trade(129_999)])
  })

  test('let rows and walks inside read show one commit, and go on after it', () => {
    const path = join(temporaryFolder(), 'points.stride')
    const COUNT = 3000
    using writer = openStore(path, Point, options)
    using reader = openStore(path, Point, { ...options, readOnly: true })
    writer.appendMany(Array.from({ length: COUNT }, () => ({ x: 0, tag: 0 })))
    writer.commitSync()
    let version = 0
    const change = (): void => {
      version++
      for (let n = 0; n < COUNT; n++) writer.update(n, { x: version, tag: version })
      writer.commitSync()
    }
    const before = reader.row(7)
    const walk = reader.scan()
    walk.next()
    expect(before.x).toBe(0)
    /** Each reads several values, and runs `meanwhile` in between. */
    const readings: Readonly<Record<string, (meanwhile: () => void) => readonly number[]>> = {
      'two fields of a row': meanwhile => {
        const row = reader.row(5)
        const { x } = row
        meanwhile()
        return [x, row.tag]
      },
      'a row from before': meanwhile => {
        const { x } = before
        meanwhile()
        return [x, before.tag, before.toObject().x]
      },
      'one step of a walk': meanwhile => {
        for (const row of reader.scan({ from: COUNT - 1 })) {
          const { x } = row
          meanwhile()
          return [x, row.tag]
        }
        return []
      },
      'a walk from before': meanwhile => {
        const { value } = walk.next()
        const x = value?.x
        meanwhile()
        return [x as number, value?.tag as number]
      },
      'a walk': meanwhile => {
        return Array.from(reader.scan(), row => {
          if (row.number === COUNT / 2) meanwhile()
          return row.x
        })
      },
      objects: meanwhile => {
        let i = 0
        return Array.from(reader, ({ x }) => {
          if (i++ === COUNT / 2) meanwhile()
          return x
        })
      },
      'more rows than copies': meanwhile => {
        const rows = Array.from({ length: 40 }, (_, n) => reader.row(n))
        meanwhile()
        return rows.flatMap(({ x, tag }) => [x, tag])
      },
      'a row, and single fields': meanwhile => {
        const { x } = reader.row(9)
        meanwhile()
        return [x, reader.field(10, 'x'), reader.has(11) ? reader.row(11).x : -1]
      },
    }
    for (const [name, reading] of Object.entries(readings)) {
      for (const commits of [1, 3, 40]) {
        let left = commits
        const values = reader.read(() => reading(() => left-- > 0 && change()))
        expect(new Set(values).size, `${name}, ${commits} commits`).toBe(1)
      }
      expect([before.x, before.tag], name).toEqual([version, version])
    }
    expect(walk.next().value?.x).toBe(version)
  })

  test('a reading that runs ten times in vain is answered from one commit, though each run commits again', () => {
    const path = join(temporaryFolder(), 'points.stride')
    using writer = openStore(path, Point, options)
    using reader = openStore(path, Point, { ...options, readOnly: true })
    writer.appendMany([0, 1, 2].map(() => ({ x: 1000, tag: 0 })))
    writer.commitSync()
    let runs = 0
    const [first, last] = reader.read(() => {
      runs++
      const x = reader.field(0, 'x')
      for (const n of [0, 1, 2]) writer.update(n, { x: 1000 + runs })
      writer.commitSync()
      return [x, reader.field(2, 'x')]
    })
    expect([first, last, runs]).toEqual([1010, 1010, 11])
    expect(reader.field(0, 'x')).toBe(1011)
  })

  // On Windows; on disks whose file system lets an open file be replaced, readers that map nothing follow.
  test.runIf(isWindows)(
    'keep compact from replacing the file, with nothing changed, until they are closed',
    async () => {
      const path = join(temporaryFolder(), 'trades.stride')
      using writer = openStore(path, Trade, options)
      const reader = openStore(path, Trade, { ...options, readOnly: true })
      writer.appendMany([0, 1, 2, 3].map(trade))
      writer.delete(1)
      await writer.commit()
      expect(reader.get(2)).toEqual(trade(2))
      expect(await codeOfAsync(writer.compact())).toBe('ERR_STRIDE_BUSY')
      expect(readdirSync(dirname(path)).filter(name => name.includes('-new-'))).toEqual([])
      expect([reader.has(1), reader.get(3), writer.get(3)]).toEqual([false, trade(3), trade(3)])
      writer.append(trade(4))
      await writer.commit()
      expect([reader.get(4), [...writer].length]).toEqual([trade(4), 4])
      reader.close()
      expect(await writer.compact()).toEqual(Float64Array.of(0, -1, 1, 2, 3))
      writer.append(trade(9))
      await writer.commit()
      expect([...writer]).toEqual([0, 2, 3, 4, 9].map(trade))
      expect((await writer.verify()).ok).toBe(true)
    },
  )

  test.skipIf(isWindows)('let a reader follow compact', async () => {
    const path = join(temporaryFolder(), 'trades.stride')
    using writer = openStore(path, Trade, options)
    using reader = openStore(path, Trade, { ...options, readOnly: true })
    writer.appendMany([0, 1, 2, 3].map(trade))
    writer.delete(1)
    await writer.commit()
    expect(reader.get(2)).toEqual(trade(2))
    expect(await writer.compact()).toEqual(Float64Array.of(0, -1, 1, 2))
    expect([...reader]).toEqual([0, 2, 3].map(trade))
    writer.append(trade(9))
    await writer.commit()
    expect(reader.get(3)).toEqual(trade(9))
    expect(codeOf(() => openStore(path, Trade, options))).toBe('ERR_STRIDE_BUSY')
  })
})

describe('processes', () => {
  test('exclude each other as writers; a killed writer leaves no lock', async () => {
    const path = join(temporaryFolder(), 'trades.stride')
    openStore(path, Trade).close()
    const child = childRunning(
      `import { openStore } from 'src/index.ts'
       globalThis.store = openStore(process.argv[2]); process.send('open'); setInterval(() => {}, 1000)`,
      path,
    )
    await once(child, 'message')
    expect(codeOf(() => openStore(path, Trade))).toBe('ERR_STRIDE_BUSY')
    openStore(path, Trade, { readOnly: true }).close()
    child.kill('SIGKILL')
    await once(child, 'exit')
    const store = openStore(path, Trade)
    store.append(trade(0))
    store.commitSync()
    store.close()
  })

  test('read whole commits while another one writes', async () => {
    const path = join(temporaryFolder(), 'points.stride')
    const store = openStore(path, Point)
    store.appendMany(Array.from({ length: 5000 }, () => ({ x: 0, tag: 0 })))
    store.commitSync()
    store.close()
    // Every commit gives all records the same new value: a reader that sees two values saw half a commit.
    const child = childRunning(
      `import { openStore } from 'src/index.ts'
       const store = openStore(process.argv[2])
       process.send('open')
       for (let i = 1; i <= 60; i++) { for (let n = 0; n < 5000; n++) store.update(n, { x: i }); await store.commit() }
       store.close(); process.disconnect()`,
      path,
    )
    await once(child, 'message')
    const exited = once(child, 'exit')
    using reader = openStore(path, Point, { readOnly: true })
    let last = 0
    let different = 0
    while (last < 60 && child.exitCode === null) {
      const values = reader.read(() => reader.gather('x'))
      const value = values[0] as number
      expect(values.every(each => each === value)).toBe(true)
      expect(value).toBeGreaterThanOrEqual(last)
      if (value !== last) different++
      last = value
      await new Promise(resolve => setImmediate(resolve))
    }
    await exited
    expect(different).toBeGreaterThan(3)
    expect(reader.field(4999, 'x')).toBe(60)
  })
})
