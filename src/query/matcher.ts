/**
 * Which records of a block meet a condition? Their positions, found by one generated loop, or one by one.
 *
 *   MT1  generating code pays only for many records. The first ones are looked at by the interpreted condition, unless the code exists.
 */

import type { Codec } from '../schema/index.ts'
import { compiled, isCompiled } from './compiled-cache.ts'
import { conditionSource, operandVariables } from './compiled-condition.ts'
import { type Asked, isAlways, shapeOf } from './condition.ts'
import type { Operand } from './operand.ts'
import { type Meets, plainCondition } from './plain-condition.ts'
import type { RecordBlock } from './record-block.ts'

/** Looking at so many records one by one takes as long as generating the loop, about. */
const INTERPRETED_MAX = 300

type Loop = (
  view: DataView,
  bytes: Buffer,
  at: number,
  count: number,
  operands: readonly Operand[],
  out: Uint32Array,
) => number

export class Matcher {
  readonly #codec: Codec
  readonly #asked: Asked
  readonly #operands: readonly Operand[]
  readonly #shape: string
  readonly isAlways: boolean
  #meets: Meets | undefined
  #loop: Loop | undefined
  #seen = 0

  constructor(codec: Codec, asked: Asked, operands: readonly Operand[]) {
    this.#codec = codec
    this.#asked = asked
    this.#operands = operands
    this.isAlways = isAlways(asked.condition)
    this.#shape = `match ${shapeOf(asked.condition)}`
    if (isCompiled(codec, this.#shape)) this.#compile()
  }

  /** Writes the positions in the block of the records that meet it, ascending. @returns how many there are */
  positions(block: RecordBlock, out: Uint32Array): number {
    const { view, bytes, at, count } = block
    if (this.isAlways) {
      for (let i = 0; i < count; i++) out[i] = i
      return count
    }
    if (this.#loop === undefined && (this.#seen += count) > INTERPRETED_MAX) this.#compile()
    if (this.#loop !== undefined) return this.#loop(view, bytes, at, count, this.#operands, out)
    const meets = this.#interpreted()
    const { recordSize } = this.#codec.layout
    let found = 0
    for (let i = 0; i < count; i++) if (meets(view, bytes, at + i * recordSize)) out[found++] = i
    return found
  }

  #interpreted(): Meets {
    this.#meets ??= plainCondition(this.#codec, this.#asked.condition, this.#operands)
    return this.#meets
  }

  #compile(): void {
    const { condition, slots } = this.#asked
    this.#loop = compiled<Loop>(this.#codec, this.#shape, context => {
      const meets = conditionSource(context, condition)
      return context.read.source.function(
        'v, b, at, count, p, out',
        `${operandVariables(slots.length)}
let found = 0;
for (let i = 0; i < count; i++, at += ${this.#codec.layout.recordSize}) {
  if (${meets}) out[found++] = i;
}
return found`,
      )
    })
    // Where it is forbidden, it is not tried again.
    if (this.#loop === undefined) this.#seen = Number.NEGATIVE_INFINITY
  }
}
