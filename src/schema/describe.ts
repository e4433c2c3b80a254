/**
 * How is a layout described for other programs? As JSON, as a numpy dtype, as a C struct.
 */

import type { z } from 'zod'
import { NO_OPTIONS } from '../options/option-table.ts'
import { shown } from '../options/shown-value.ts'
import { cStruct } from './describe-c.ts'
import { numpyDtype } from './describe-numpy.ts'
import { type Layout, layoutOf } from './layout.ts'
import { LAYOUT, type LayoutOptions } from './options.ts'
import { isSchema, refuseOldSchema } from './zod-version.ts'

/** A layout for other programs. */
export interface Description {
  /** Record size, fingerprint, null bits and fields of the layout, ready for JSON.stringify: 64-bit enum values are text. */
  readonly json: {
    readonly recordSize: number
    readonly fingerprint: string
    readonly nullBits: Layout['bitmap']
    readonly fields: readonly Readonly<Record<string, unknown>>[]
  }
  /** Python source of an expression for the dtype; needs `import numpy as np`. */
  readonly numpy: string
  /** C11 source of `struct record`, with static assertions of its size and offsets. */
  readonly c: string
}

/**
 * Describes a layout, or the layout of a schema.
 * @throws {StrideError} ERR_STRIDE_LAYOUT; TypeError for anything else, and for options beside a layout
 */
export function describe(of: Layout | z.ZodType, options?: LayoutOptions): Description {
  const layout = isSchema(of) ? layoutOf(of, LAYOUT.read(options, 'describe')) : settledLayout(of, options)
  const fields = layout.fields.map(({ values, ...field }) => {
    const plain = values?.map(value => (typeof value === 'bigint' ? String(value) : value))
    return plain === undefined ? field : { ...field, values: plain }
  })
  return {
    json: { recordSize: layout.recordSize, fingerprint: layout.fingerprint, nullBits: layout.bitmap, fields },
    numpy: numpyDtype(layout),
    c: cStruct(layout),
  }
}

/** A layout as it is. It is complete already, so options are refused. */
function settledLayout(of: Layout, options: LayoutOptions | undefined): Layout {
  refuseOldSchema(of, 'The schema given to describe')
  if (typeof of !== 'object' || of === null || !Array.isArray(of.fields)) {
    throw new TypeError(`describe takes a Zod object, or a layout: ${shown(of)}`)
  }
  NO_OPTIONS.read(options, 'describe of a layout')
  return of
}
