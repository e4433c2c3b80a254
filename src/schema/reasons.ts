/**
 * How does a message say that a value does not fit? Without running code of the value.
 */

import { className } from '../runtime/realms.ts'

/** Code and message of one of Zod's issues. */
export interface Reason {
  readonly code: string
  readonly message: string
}

export function wrongType(expected: string, value: unknown): Reason {
  return { code: 'invalid_type', message: `expected ${expected}, got ${show(value)}` }
}

/** Why a number is not in the range of a type; null if it is. */
export function rangeReason(
  type: string,
  value: number | bigint,
  min: number | bigint,
  max: number | bigint,
): Reason | null {
  if (value < min) return { code: 'too_small', message: `${type} reaches down to ${min}, got ${value}` }
  if (value > max) return { code: 'too_big', message: `${type} reaches up to ${max}, got ${value}` }
  return null
}

/** A value in a few words. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'function') return 'a function'
  if (value === null || typeof value !== 'object') return String(value)
  // Array.isArray throws for a revoked proxy.
  const name = className(value)
  return name !== 'Proxy' && Array.isArray(value) ? 'an array' : `an object (${name})`
}
