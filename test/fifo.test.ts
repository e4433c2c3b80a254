/**
 * What could go wrong with a queue: the order, what is taken twice, or time that grows with the square of its length.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Fifo } from '../src/runtime/fifo.ts'

describe('a queue', () => {
  test('answers as an array does', () => {
    const calls = fc.array(fc.constantFrom('push', 'push', 'shift', 'pop', 'takeAll'), { maxLength: 200 })
    fc.assert(
      fc.property(calls, list => {
        const fifo = new Fifo<number>()
        const model: number[] = []
        for (const [i, call] of list.entries()) {
          if (call === 'push') {
            fifo.push(i)
            model.push(i)
          } else if (call === 'takeAll') {
            expect(fifo.takeAll()).toEqual(model.splice(0))
          } else {
            expect(call === 'pop' ? fifo.pop() : fifo.shift()).toBe(
              call === 'pop' ? model.pop() : model.shift(),
            )
          }
          expect([fifo.length, fifo.first, fifo.last]).toEqual([model.length, model[0], model.at(-1)])
        }
      }),
    )
  })

  test('gives back hundreds of thousands in order', () => {
    const fifo = new Fifo<number>()
    for (let i = 0; i < 300_000; i++) fifo.push(i)
    let isInOrder = true
    for (let i = 0; i < 300_000; i++) if (fifo.shift() !== i) isInOrder = false
    expect([isInOrder, fifo.length, fifo.shift()]).toEqual([true, 0, undefined])
  })
})
