/**
 * The records of a random life: a schema by chance, values that fit it, and what the plain codec makes of them.
 *
 * Every schema has a field `id`, which is unique, and a field `group` of few values, for the indexes; all else is drawn.
 */

import fc from 'fast-check'
import { z } from 'zod'
import { type Codec, codecOf, u8 } from '../../src/schema/index.ts'
import { recordSample } from '../schema/samples.ts'
import type { Random } from './random.ts'

export type RecordValue = Readonly<Record<string, unknown>> & { readonly id: number; readonly group: number }
export type Layouting = { readonly align: 'packed' | 'natural'; readonly endian: 'little' | 'big' }

/** A record as a store must have it. */
export interface Image {
  readonly id: number
  readonly group: number
  readonly bytes: Buffer
}

/** Values of the drawn fields that are put together with ids and groups. */
const POOL = 40
export const GROUPS = 9

export class LifeRecords {
  readonly schema: z.ZodObject
  readonly layouting: Layouting
  /** Names of all fields of the top. */
  readonly names: readonly string[]
  readonly #pool: readonly Readonly<Record<string, unknown>>[]
  /** What records are to be comes from the plain codec; what a store gives back is written by the other one. */
  readonly #plain: Codec
  readonly #codec: Codec
  readonly #scratch: Buffer
  #nextId = 1

  constructor(random: Random) {
    const drawing = { seed: random.below(2 ** 31), numRuns: 1 }
    const [sample] = fc.sample(recordSample, drawing) as [ReturnType<typeof recordSample.generate>['value']]
    this.schema = (sample.schema as z.ZodObject).extend({ id: z.uint32(), group: u8() })
    this.layouting = {
      align: random.pick(['packed', 'natural'] as const),
      endian: random.pick(['little', 'little', 'big'] as const),
    }
    this.names = Object.keys(this.schema.shape)
    this.#pool = fc.sample(sample.value, { ...drawing, numRuns: POOL }) as Record<string, unknown>[]
    this.#plain = codecOf(this.schema, { ...this.layouting, compile: false })
    this.#codec = codecOf(this.schema, this.layouting)
    this.#scratch = Buffer.alloc(this.recordSize)
  }

  get recordSize(): number {
    return this.#plain.layout.recordSize
  }

  /** A record whose id is in use nowhere, unless it is given. */
  draw(random: Random, id = this.#nextId++): RecordValue {
    return { ...random.pick(this.#pool), id, group: random.below(GROUPS) }
  }

  /** Some fields of a record, and the same id, if any. */
  drawChange(random: Random): Readonly<Record<string, unknown>> {
    const { id: _, ...record } = this.draw(random)
    return Object.fromEntries(
      Object.entries(record).filter(([, value]) => value !== undefined && random.chance(0.5)),
    )
  }

  imageOf(record: RecordValue): Image {
    const bytes = Buffer.alloc(this.recordSize)
    this.#plain.encode(record, viewOf(bytes), bytes, 0)
    return { id: record.id, group: record.group, bytes }
  }

  patched(image: Image, change: Readonly<Record<string, unknown>>): Image {
    const bytes = Buffer.from(image.bytes)
    this.#plain.patch(change, viewOf(bytes), bytes, 0)
    const { id = image.id, group = image.group } = change as Partial<RecordValue>
    return { id, group, bytes }
  }

  fieldOf({ bytes }: Image, name: string): unknown {
    return this.#plain.readField(viewOf(bytes), bytes, 0, name)
  }

  /** Whether an object that a store gave back is this record, byte for byte. */
  isSame(given: unknown, { bytes }: Image): boolean {
    this.#codec.encode(given, viewOf(this.#scratch), this.#scratch, 0)
    return this.#scratch.equals(bytes)
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}
