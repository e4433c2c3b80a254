/**
 * Reads, rows and walks of a reader while another process stores the records that they show. What could go wrong: a field, or a record as an
 * object, is half of one commit and half of another; a row never sees a new commit; a walk passes over records, or shows one twice;
 * copies of records are kept past close or compact. Rules RF1 to RF3 of following-finder.ts, PO3 of point-reader.ts.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { ascii, openStore, type Store, u8 } from 'stridedb'
import { afterEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { childScript } from '../child-scripts.ts'
import { BACKENDS, isWindows, temporaryFolder } from './support.ts'

const TEXT = 2000
const COUNT = 40
/** The first byte moves every other field off its alignment. */
const Item = z.object({ tag: u8(), version: z.float64(), text: ascii(TEXT), again: z.float64() })
const letter = (version: number): string => String.fromCharCode(97 + (version % 26))
const item = (version: number) => ({ tag: 1, version, text: letter(version).repeat(TEXT), again: version })

const WRITER = `
  import { openStore } from 'src/index.ts'
  const store = openStore(process.argv[2], { durability: 'process' })
  let isOver = false
  process.stdin.on('close', () => { isOver = true })
  process.stdin.resume()
  for (let version = 1; !isOver; version++) {
    const text = String.fromCharCode(97 + (version % 26)).repeat(${TEXT})
    for (let n = 0; n < ${COUNT}; n++) store.update(n, { version, text, again: version })
    await store.commit()
    await store.flush()
    if (version === 1) process.stdout.write('ready')
    await new Promise(resolve => setImmediate(resolve))
  }
  store.close()`

const writers: ChildProcess[] = []
afterEach(async () => {
  for (const writer of writers.splice(0)) {
    writer.kill('SIGKILL')
    await once(writer, 'exit')
  }
})

async function writtenStore(): Promise<string> {
  const path = join(temporaryFolder(), 'items.stride')
  {
    using store = openStore(path, Item)
    for (let n = 0; n < COUNT; n++) store.append(item(0))
    store.commitSync()
  }
  const writer = spawn(process.execPath, [childScript(WRITER), path], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  writers.push(writer)
  await once(writer.stdout as NodeJS.ReadableStream, 'data')
  return path
}

interface Shown {
  readonly version: number
  readonly text: string
  readonly again: number
}

/** What is wrong with the fields of a record by themselves; as an object it is of one commit. */
function wrongWith({ version, text, again }: Shown, isWhole: boolean): string | undefined {
  if (text.length !== TEXT || text !== (text[0] as string).repeat(TEXT)) return 'a torn text'
  if (!Number.isInteger(version) || !Number.isInteger(again)) return `a torn number: ${version} ${again}`
  if (isWhole && (version !== again || letter(version) !== text[0])) return 'half of two commits'
  return undefined
}

/** One round of a reading: each record that it shows, and whether as an object. */
const READINGS: Readonly<Record<string, (store: Store<typeof Item>) => Generator<[Shown, boolean]>>> = {
  *scan(store) {
    for (const row of store.scan()) yield [row, false]
  },
  *'toObject of a scan'(store) {
    for (const row of store.scan()) yield [row.toObject(), true]
  },
  *'for … of'(store) {
    for (const record of store) yield [record, true]
  },
  *row(store) {
    const row = store.row(0)
    for (let n = 0; n < COUNT; n++) yield [row.seek(n), false]
  },
  *'all fields of a row, right after seek'(store) {
    const row = store.row(0)
    for (let n = 0; n < COUNT; n++) {
      const { version, text, again } = row.seek(n)
      yield [{ version, text, again }, true]
    }
  },
  *get(store) {
    for (let n = 0; n < COUNT; n++) yield [store.get(n) as Shown, true]
  },
  *field(store) {
    const fields = (n: number): Shown => ({
      version: store.field(n, 'version'),
      text: store.field(n, 'text'),
      again: store.field(n, 'again'),
    })
    for (let n = 0; n < COUNT; n++) yield [fields(n), false]
  },
  *'a row that is held'(store) {
    const row = store.row(7)
    for (let i = 0; i < COUNT; i++) yield [row, false]
  },
}

describe.skipIf(isWindows).each(BACKENDS)('$name', ({ options }) => {
  test('no field is torn, and no object is half of two commits, while another process stores them', async () => {
    const path = await writtenStore()
    using reader = openStore(path, Item, { ...options, readOnly: true })
    for (const [name, read] of Object.entries(READINGS)) {
      const first = reader.commitNumber
      // Bounded by what happens, not by time: each reading meets so many commits.
      while (reader.commitNumber < first + 60) {
        for (const [shown, isWhole] of read(reader)) {
          const { version, text, again } = shown
          expect(wrongWith({ version, text, again }, isWhole), name).toBeUndefined()
        }
        await nextTurn()
      }
    }
  })

  test('nor is any in a loop that runs for long without a pause', async () => {
    const path = await writtenStore()
    using reader = openStore(path, Item, { ...options, readOnly: true })
    // Until code for the loop was compiled, and so many commits came into it.
    let versions = 0
    for (let rounds = 0; rounds < 10 || versions < 100; rounds++) {
      let last = -1
      for (let i = 0; i < 4000; i++) {
        const n = i % COUNT
        const text = reader.field(n, 'text')
        const version = reader.field(n, 'version')
        if (text !== (text[0] as string).repeat(TEXT) || !Number.isInteger(version)) {
          expect({ text, version }).toBe('a whole field')
        }
        if (version !== last) versions++
        last = version
        const whole = reader.get(n) as Shown
        if (wrongWith(whole, true) !== undefined) expect(wrongWith(whole, true)).toBeUndefined()
      }
      await nextTurn()
    }
  })
})
