/**
 * What does a query give for a record? A whole record, or an object with the chosen fields under their paths.
 */

import type { Codec } from '../schema/index.ts'
import { valueReader } from './comparable.ts'
import { compiled } from './compiled-cache.ts'
import { fieldSource } from './compiled-condition.ts'
import type { QueriedField } from './queried-field.ts'

/** Reads the record at `at`. */
export type Project = (view: DataView, bytes: Buffer, at: number) => unknown

/** @param fields undefined for whole records */
export function projection(codec: Codec, fields: readonly QueriedField[] | undefined): Project {
  if (fields === undefined) return (view, bytes, at) => codec.decode(view, bytes, at)
  const shape = `project ${JSON.stringify(fields.map(({ path }) => path))}`
  const generated = compiled<Project>(codec, shape, context => {
    // A name like __proto__ in brackets is a property like any other.
    const members = fields.map(field => `[${JSON.stringify(field.path)}]: ${fieldSource(context, field)}`)
    return context.read.source.function('v, b, at', `return { ${members.join(', ')} }`)
  })
  if (generated !== undefined) return generated
  const reads = fields.map(field => [field.path, valueReader(codec, field)] as const)
  return (view, bytes, at) => {
    const object = {}
    for (const [path, read] of reads) {
      const value = read(view, bytes, at)
      Object.defineProperty(object, path, { value, enumerable: true, writable: true, configurable: true })
    }
    return object
  }
}
