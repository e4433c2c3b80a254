/** What does `stridedb/duckdb` export? Stores as tables of DuckDB. */

export { StrideError } from '../errors.ts'
export { type Attachable, Attachment, attach, type DuckConnection } from './attach.ts'
