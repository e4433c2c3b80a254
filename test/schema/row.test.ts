/**
 * Does a row read what is under it now? What could go wrong: a getter that keeps a view that has gone, a field
 * whose name collides with the row's own state, a class that loses what its base can do.
 */

import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { ascii, codecOf, type RecordBytes, RowBase, rowAccess, u8 } from '../../src/schema/index.ts'

const Tick = z.object({
  price: z.float64(),
  symbol: ascii(4),
  constructor: u8().nullable(),
  'has "quotes"': z.object({ x: z.uint32() }),
})

class TestRow extends RowBase {
  refreshes = 0
  readonly fresh: RecordBytes

  constructor(source: RecordBytes) {
    super(findAgain)
    rowAccess.point(this, source, 0)
    this.fresh = source
  }
}

function findAgain(row: TestRow): void {
  row.refreshes++
  rowAccess.point(row, row.fresh, 21)
}

const memory = (): { view: DataView; bytes: Buffer } => {
  const bytes = Buffer.alloc(64)
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length) }
}

describe.each([true, false])('a row class (compiled: %s)', compile => {
  const codec = codecOf(Tick, { compile })
  const Row = codec.rowClass(TestRow)
  const first = { price: 1.5, symbol: 'AB', constructor: 3, 'has "quotes"': { x: 7 } }
  const second = { price: -2, symbol: 'XYZ', constructor: null, 'has "quotes"': { x: 8 } }

  it('reads the fields where the record lies, and follows when it is pointed elsewhere', () => {
    const { view, bytes } = memory()
    codec.encode(first, view, bytes, 0)
    codec.encode(second, view, bytes, codec.layout.recordSize)
    const row = new Row({ view, bytes }) as TestRow & z.output<typeof Tick>
    expect([row.price, row.symbol, row.constructor, row['has "quotes"']]).toEqual([1.5, 'AB', 3, { x: 7 }])
    rowAccess.move(row, codec.layout.recordSize)
    expect([row.price, row.symbol, row.constructor, row['has "quotes"']]).toEqual([-2, 'XYZ', null, { x: 8 }])
    expect(row.refreshes).toBe(0)
    expect(row).toBeInstanceOf(TestRow)
    view.setFloat64(codec.layout.recordSize, 9, true)
    expect(row.price).toBe(9)
  })

  it('finds the record again when its bytes have gone, and reads position and bytes afterwards', () => {
    const old = memory()
    const fresh = memory()
    codec.encode(second, fresh.view, fresh.bytes, 21)
    const row = new Row({ view: fresh.view, bytes: fresh.bytes }) as TestRow & z.output<typeof Tick>
    for (const read of [() => row.price, () => row.symbol, () => row['has "quotes"'].x]) {
      rowAccess.point(row, { view: null, bytes: old.bytes }, 0)
      read()
      expect(rowAccess.at(row)).toBe(21)
    }
    expect(row.refreshes).toBe(3)
    rowAccess.point(row, { view: null, bytes: old.bytes }, 0)
    expect(row.symbol).toBe('XYZ')
  })

  it('has getters on its prototype and nothing of its own', () => {
    const names = Object.getOwnPropertyNames(Row.prototype)
    for (const name of Object.keys(Tick.shape)) expect(names).toContain(name)
    expect(Object.getOwnPropertyDescriptor(Row.prototype, 'price')?.set).toBeUndefined()
  })
})
