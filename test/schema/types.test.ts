/**
 * Do the types say what happens at run time? Checked by `tsc -p tsconfig.json`; at run time these tests are empty.
 */

import { describe, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import {
  type AnySchema,
  ascii,
  bits,
  bytes,
  codecOf,
  decimal,
  type FieldName,
  type FieldValue,
  f16,
  f32,
  field,
  type GatherResult,
  type Infer,
  type Input,
  i16,
  i32,
  numberText,
  type Output,
  type Row,
  type TypedColumn,
  u8,
  u32,
  u48,
  unixSeconds,
  uuid,
} from '../../src/schema/index.ts'

const schema = z.object({
  id: z.uint32(),
  flags: u8(),
  level: i16().min(3),
  price: z.float64(),
  plain: z.number(),
  whole: z.int(),
  ratio: f32({ nonFinite: true }),
  big: z.int64(),
  symbol: ascii(8),
  raw: bytes(4),
  side: z.enum(['buy', 'sell']),
  when: z.date().default(() => new Date()),
  live: z.boolean(),
  maybe: u8().nullable(),
  pair: z.tuple([z.float32(), z.float32()]),
  mixed: z.tuple([u8(), z.float64()]),
  list: z.array(z.uint32()).length(3),
  position: z.object({ x: z.float32(), tag: ascii(2).optional() }),
  gone: z.object({ x: z.uint32(), deep: z.object({ y: z.boolean() }).nullable() }).optional(),
})
type S = typeof schema

const foreign = z.object({
  wide: u48(),
  half: f16(),
  anyHalf: f16({ nonFinite: true }),
  price: decimal(2, i32()),
  at: unixSeconds(u32()),
  id: uuid(),
  size: numberText(12, { radix: 8 }),
  flags: bits({ low: 3, high: 5 }),
  side: field(z.enum(['buy', 'sell']), { lenient: true }),
  on: field(z.boolean(), { lenient: true, width: 2 }),
  plain: field(z.boolean(), { width: 2 }),
})
type F = typeof foreign

describe('types', () => {
  it('follow from the schema for records read and written', () => {
    expectTypeOf<Output<S>['when']>().toEqualTypeOf<Date>()
    expectTypeOf<Input<S>['when']>().toEqualTypeOf<Date | undefined>()
    expectTypeOf<Infer<S>['big']>().toEqualTypeOf<bigint>()
    expectTypeOf<Output<S>['raw']>().toEqualTypeOf<Uint8Array>()
    expectTypeOf(codecOf(schema).decode).returns.toEqualTypeOf<Output<S>>()
  })

  it('know every dotted path, and no other', () => {
    expectTypeOf<'id' | 'position' | 'position.x' | 'gone.deep.y'>().toExtend<FieldName<S>>()
    expectTypeOf<'position.z'>().not.toExtend<FieldName<S>>()
    expectTypeOf<'pair.0'>().not.toExtend<FieldName<S>>()
    expectTypeOf<FieldName<AnySchema>>().toEqualTypeOf<string>()
  })

  it('give a field’s value, with what objects around it add', () => {
    expectTypeOf<FieldValue<S, 'position.x'>>().toEqualTypeOf<number>()
    expectTypeOf<FieldValue<S, 'position.tag'>>().toEqualTypeOf<string | undefined>()
    expectTypeOf<FieldValue<S, 'gone.x'>>().toEqualTypeOf<number | undefined>()
    expectTypeOf<FieldValue<S, 'gone.deep.y'>>().toEqualTypeOf<boolean | null | undefined>()
    expectTypeOf<FieldValue<S, 'side'>>().toEqualTypeOf<'buy' | 'sell'>()
    expectTypeOf<FieldValue<S, 'mixed.0' | 'list.2'>>().toEqualTypeOf<number>()
    expectTypeOf<FieldValue<S, 'mixed.2'>>().toEqualTypeOf<never>()
    expectTypeOf<FieldValue<AnySchema, string>>().toEqualTypeOf<unknown>()
  })

  it('give the array of a gather', () => {
    expectTypeOf<GatherResult<S, 'id'>>().toEqualTypeOf<Uint32Array>()
    expectTypeOf<GatherResult<S, 'flags'>>().toEqualTypeOf<Uint8Array>()
    expectTypeOf<GatherResult<S, 'level'>>().toEqualTypeOf<Int16Array>()
    expectTypeOf<GatherResult<S, 'price' | 'plain' | 'whole' | 'when'>>().toEqualTypeOf<Float64Array>()
    expectTypeOf<GatherResult<S, 'ratio'>>().toEqualTypeOf<Float32Array>()
    expectTypeOf<GatherResult<S, 'big'>>().toEqualTypeOf<BigInt64Array>()
    expectTypeOf<GatherResult<S, 'live'>>().toEqualTypeOf<Uint8Array>()
    expectTypeOf<GatherResult<S, 'symbol'>>().toEqualTypeOf<string[]>()
    expectTypeOf<GatherResult<S, 'side'>>().toEqualTypeOf<('buy' | 'sell')[]>()
    expectTypeOf<GatherResult<S, 'maybe'>>().toEqualTypeOf<(number | null)[]>()
    expectTypeOf<GatherResult<S, 'pair'>>().toEqualTypeOf<Float32Array>()
    expectTypeOf<GatherResult<S, 'mixed'>>().toEqualTypeOf<Float64Array>()
    expectTypeOf<GatherResult<S, 'list'>>().toEqualTypeOf<Uint32Array>()
    expectTypeOf<GatherResult<S, 'position.x'>>().toEqualTypeOf<Float32Array>()
    expectTypeOf<GatherResult<S, 'gone.x'>>().toEqualTypeOf<(number | undefined)[]>()
    expectTypeOf<GatherResult<AnySchema, string>>().toEqualTypeOf<TypedColumn | unknown[]>()
  })

  it('follow from the kinds of foreign files', () => {
    expectTypeOf<Output<F>['price']>().toEqualTypeOf<number>()
    expectTypeOf<Output<F>['at']>().toEqualTypeOf<Date>()
    expectTypeOf<Output<F>['id']>().toEqualTypeOf<string>()
    expectTypeOf<Output<F>['side']>().toEqualTypeOf<'buy' | 'sell' | number>()
    expectTypeOf<Output<F>['on']>().toEqualTypeOf<boolean | number>()
    expectTypeOf<Output<F>['plain']>().toEqualTypeOf<boolean>()
    expectTypeOf<FieldValue<F, 'flags.low'>>().toEqualTypeOf<number>()
    expectTypeOf<'flags.none'>().not.toExtend<FieldName<F>>()
    expectTypeOf<GatherResult<F, 'wide' | 'price' | 'at' | 'size'>>().toEqualTypeOf<Float64Array>()
    expectTypeOf<GatherResult<F, 'half' | 'anyHalf'>>().toEqualTypeOf<Float32Array>()
    expectTypeOf<GatherResult<F, 'flags.high'>>().toEqualTypeOf<Uint32Array>()
    expectTypeOf<GatherResult<F, 'side'>>().toEqualTypeOf<('buy' | 'sell' | number)[]>()
    expectTypeOf<GatherResult<F, 'on'>>().toEqualTypeOf<(boolean | number)[]>()
  })

  it('make rows read-only', () => {
    expectTypeOf<Row<S>>().toExtend<{ readonly price: number; readonly maybe: number | null }>()
    expectTypeOf<Row<S>['position']>().toEqualTypeOf<Output<S>['position']>()
  })
})
