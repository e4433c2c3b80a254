/**
 * A lookup of a reader beside a writer that goes on faster than the reader opens its indexes. What could go wrong: the lookup tries
 * without end, or far longer than the two seconds that a reading is tried for.
 *
 * The writer commits whenever the reader opens the journal. Tries are counted, since nobody knows how long one takes.
 */

import { ascii, StrideError } from 'stridedb'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { openStoreOn } from '../../../src/engine/open.ts'
import type { Platform } from '../../../src/mmap/platform.ts'
import { createSimulatedPlatform } from '../../../src/mmap/simulated/simulated-platform.ts'
import { monotonicMs } from '../../../src/runtime/monotonic.ts'

const Item = z.object({ id: z.uint32(), v: z.uint32(), pad: ascii(500) })
const PATH = '/busy/x.stride'
const OPTIONS = { journalBytes: 65_536, indexes: { byId: { on: 'id', unique: true } } } as const
const PATIENCE_MS = 2000
/** A lookup that is out of patience has tried at least this often; each try may open the journal a few times. */
const OPENS_AFTER_PATIENCE_MAX = 60

it.each(['alone', 'inside read()'])(
  'a lookup %s ends soon after two seconds, right or with ERR_STRIDE_BUSY',
  where => {
    const platform = createSimulatedPlatform()
    const writer = openStoreOn(platform, PATH, Item, OPTIONS)
    writer.appendMany(Array.from({ length: 110 }, (_, id) => ({ id, v: 0, pad: '' })))
    writer.commitSync()
    let isDisturbed = false
    let opens = 0
    let late = 0
    let start = 0
    const disturb = (): void => {
      opens++
      if (monotonicMs() - start > PATIENCE_MS) late++
      // Two of them fill a segment, so that one waits for a checkpoint.
      for (let commits = 0; commits < 4; commits++) {
        for (let n = 0; n < 110; n++) writer.update(n, { v: opens })
        writer.commitSync()
      }
      const until = monotonicMs() + 20
      while (monotonicMs() < until);
    }
    const beside: Platform = {
      ...platform,
      open(path, options) {
        if (isDisturbed && path.endsWith('-journal')) disturb()
        return platform.open(path, options)
      },
    }
    const reader = openStoreOn(beside, PATH, Item, { readOnly: true })
    isDisturbed = true
    start = monotonicMs()
    try {
      const look = (): number => reader.index('byId').number(77)
      expect(where === 'alone' ? look() : reader.read(look)).toBe(77)
    } catch (error) {
      expect(error).toBeInstanceOf(StrideError)
      expect((error as StrideError).code).toBe('ERR_STRIDE_BUSY')
    }
    expect(opens).toBeGreaterThan(0)
    expect(late).toBeLessThan(OPENS_AFTER_PATIENCE_MAX)
    isDisturbed = false
    expect(reader.index('byId').number(77)).toBe(77)
    reader.close()
    writer.close()
  },
)
