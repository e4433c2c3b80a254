/**
 * Is a value a schema that this library can read? It must be made by Zod 4, from a certain version on.
 *
 *   ZV1  the message for any other value says what it is: a schema of Zod 3, of another version, or no schema.
 * How a schema is read: zod-reader.ts. The lowest version is also in package.json, as a peer dependency.
 */

import type { z } from 'zod'
import { shown } from '../options/shown-value.ts'

/** In older versions ZodUInt32 and ZodInt32 are one type, and before 4.3 a refined schema does not keep its marks. */
export const ZOD_MIN = { major: 4, minor: 5 } as const
const NEEDED = `stridedb reads schemas of Zod ${ZOD_MIN.major}, from ${ZOD_MIN.major}.${ZOD_MIN.minor} on: npm install zod@^${ZOD_MIN.major}.${ZOD_MIN.minor}.0`

interface ZodVersion {
  readonly major: number
  readonly minor: number
  readonly patch: number
}

/** Whether a value is a schema of Zod 4, of any copy of Zod in the process. */
export function isSchema(value: unknown): value is z.ZodType {
  return typeof value === 'object' && value !== null && '_zod' in value
}

/** Whether a value is a schema of Zod 3. Its definition names its type. */
export function isOldSchema(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || isSchema(value) || !('_def' in value)) return false
  const { typeName } = (value._def ?? {}) as { readonly typeName?: unknown }
  return typeof typeName === 'string' && typeName.startsWith('Zod')
}

/** Why a value is no schema that can be read, as part of a message; undefined if it is one. */
export function whyUnreadable(value: unknown): string | undefined {
  if (isOldSchema(value)) return `it is a schema of Zod 3, and ${NEEDED}`
  if (!isSchema(value)) return `it is not a Zod schema: ${shown(value)}`
  const { version } = value._zod as { readonly version?: ZodVersion }
  if (version === undefined) return `it was made by an unknown version of Zod, and ${NEEDED}`
  const { major, minor, patch } = version
  if (major === ZOD_MIN.major && minor >= ZOD_MIN.minor) return undefined
  return `it was made by Zod ${major}.${minor}.${patch}, and ${NEEDED}`
}

/** @throws TypeError for a schema of Zod 3; `what` names it */
export function refuseOldSchema(value: unknown, what: string): void {
  if (isOldSchema(value)) throw new TypeError(`${what} is one of Zod 3, and ${NEEDED}`)
}
