/** What does `stridedb` export? Mapped memory alone: `stridedb/mmap`. Layouts and codecs alone: `stridedb/schema`. */

export * from './engine/index.ts'
export { ERROR_CODES, type ErrorCode, InvariantError, type Issue, StrideError } from './errors.ts'
export type * from './query/query-types.ts'
export * from './schema/public.ts'
