/**
 * What is a condition, once it was read? A tree of tests over fields. The values that are compared stand apart, so that one tree serves
 * a prepared query with each of its parameters.
 *
 *   CQ1  logic has two values: a test of a null field is false, unless it asks for null; `ne`, `notIn` and NOT are plain negations.
 *   CQ2  every test that users write is one of these, or made of several of them (read-where.ts).
 */

import type { QueriedField } from './queried-field.ts'

/** 'among' is `in`. */
export type TestName =
  | 'eq'
  | 'gt'
  | 'gte'
  | 'lt'
  | 'lte'
  | 'among'
  | 'startsWith'
  | 'endsWith'
  | 'contains'
  | 'hasAll'
  | 'hasAny'

export interface Test {
  readonly kind: 'test'
  readonly test: TestName
  readonly field: QueriedField
  /** Which of the operands it compares with. */
  readonly slot: number
}

export type Condition =
  | Test
  | { readonly kind: 'null'; readonly field: QueriedField }
  | { readonly kind: 'all'; readonly parts: readonly Condition[] }
  | { readonly kind: 'any'; readonly parts: readonly Condition[] }
  | { readonly kind: 'not'; readonly part: Condition }

/** An operand as it was given: a value, or the name of a parameter. */
export interface Slot {
  readonly test: TestName
  readonly field: QueriedField
  readonly given: unknown
  /** The name of the parameter; undefined if a value was given. */
  readonly param: string | undefined
}

/** A condition and its operands. */
export interface Asked {
  readonly condition: Condition
  readonly slots: readonly Slot[]
}

/** Text that is equal for conditions that run the same code. */
export function shapeOf(condition: Condition): string {
  switch (condition.kind) {
    case 'test':
      return `${condition.test}(${JSON.stringify(condition.field.path)},${condition.slot})`
    case 'null':
      return `null(${JSON.stringify(condition.field.path)})`
    case 'not':
      return `not(${shapeOf(condition.part)})`
    default:
      return `${condition.kind}(${condition.parts.map(shapeOf).join()})`
  }
}

/** Whether the condition is true for every record, whatever its operands: it asks for nothing. */
export function isAlways(condition: Condition): boolean {
  if (condition.kind === 'all') return condition.parts.every(isAlways)
  if (condition.kind === 'any') return condition.parts.some(isAlways)
  return condition.kind === 'not' && isNever(condition.part)
}

function isNever(condition: Condition): boolean {
  if (condition.kind === 'all') return condition.parts.some(isNever)
  if (condition.kind === 'any') return condition.parts.every(isNever)
  return condition.kind === 'not' && isAlways(condition.part)
}

/** The tests that a record must pass, as far as they are joined by AND. */
export function conjuncts(condition: Condition): readonly Condition[] {
  return condition.kind === 'all' ? condition.parts.flatMap(conjuncts) : [condition]
}
