/**
 * What could go wrong: driven in the background a protocol does something else than blocking, goes on after it was overtaken, or a
 * failure passes by what it has to tidy up.
 */

import { expect, test } from 'vitest'
import { type Protocol, runBlocking, runInBackground, type Wait } from '../../src/engine/steps/protocol.ts'

/** A protocol of three stores with a wait between them, and what it did. */
function threeStores(wait: (done: string[]) => Wait): { readonly done: string[]; readonly protocol: Protocol } {
  const done: string[] = []
  function* stores(): Protocol {
    try {
      for (const part of ['frames', 'root', 'release']) {
        done.push(part)
        yield wait(done)
      }
      done.push('end')
    } finally {
      done.push('tidied')
    }
  }
  return { done, protocol: stores() }
}

const synced = (done: string[]): Wait => ({
  block: () => done.push('sync'),
  wait: async () => done.push('sync'),
})
const WHOLE = ['frames', 'sync', 'root', 'sync', 'release', 'sync', 'end', 'tidied']

test('both drives do the same in the same order', async () => {
  const blocking = threeStores(synced)
  runBlocking(blocking.protocol)
  const background = threeStores(synced)
  expect(await runInBackground(background.protocol, () => false)).toBe(true)
  expect([blocking.done, background.done]).toEqual([WHOLE, WHOLE])
})

test.each([1, 2, 3])('overtaken at wait %i, it stores nothing more and tidies up', async at => {
  const { done, protocol } = threeStores(synced)
  let waits = 0
  expect(await runInBackground(protocol, () => ++waits === at)).toBe(false)
  expect(done).toEqual([...WHOLE.slice(0, 2 * at), 'tidied'])
})

test('a failed wait is thrown where the protocol stands', async () => {
  const error = new Error('no sync')
  const failing = (): Wait => ({
    block: () => {
      throw error
    },
    wait: () => Promise.reject(error),
  })
  const blocking = threeStores(failing)
  expect(() => runBlocking(blocking.protocol)).toThrow(error)
  const background = threeStores(failing)
  await expect(runInBackground(background.protocol, () => false)).rejects.toThrow(error)
  expect([blocking.done, background.done]).toEqual([
    ['frames', 'tidied'],
    ['frames', 'tidied'],
  ])
})
