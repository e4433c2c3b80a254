import { describe, expect, it } from 'vitest'
import { OutOfLine } from '../../src/runtime/out-of-line.ts'

describe('a call kept out of line', () => {
  it('goes to another function than the time before, which does the same', () => {
    const seen: number[] = []
    const calls = new OutOfLine((n: number) => seen.push(n) * 10)
    const first = calls.next()
    const second = calls.next()
    expect(second).not.toBe(first)
    expect(calls.next()).toBe(first)
    expect([first(7), second(8)]).toEqual([10, 20])
    expect(seen).toEqual([7, 8])
  })
})
