/**
 * The foil of the append benchmarks: the same records encoded by hand into a buffer, written and synced.
 */

import { closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { encodeTrade, TRADE_BYTES } from './baseline.ts'
import { type Context, recordCount } from './context.ts'
import type { Side } from './measure.ts'
import type { TradeRecord } from './trade.ts'

export const BY_HAND = 'by hand: encode, write, fsync'

export function appendByHand(context: Context, pool: readonly TradeRecord[]): Side {
  const path = join(context.folder, 'append-by-hand.bin')
  let syncs = 0
  return {
    name: BY_HAND,
    operations: recordCount(context),
    run(_, count) {
      const perChunk = Math.floor(2 ** 20 / TRADE_BYTES)
      const bytes = Buffer.alloc(perChunk * TRADE_BYTES)
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
      const fd = openSync(path, 'w')
      let filled = 0
      for (let done = 0; done < count; done += pool.length) {
        for (const trade of pool) {
          encodeTrade(trade, view, bytes, filled++ * TRADE_BYTES)
          if (filled === perChunk) {
            writeSync(fd, bytes)
            filled = 0
          }
        }
      }
      if (filled > 0) writeSync(fd, bytes, 0, filled * TRADE_BYTES)
      fsyncSync(fd)
      syncs++
      closeSync(fd)
      return count
    },
    syncs: () => syncs,
    after: () => rmSync(path, { force: true }),
  }
}
