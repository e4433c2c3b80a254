/**
 * How is `@duckdb/node-api` loaded, and what of it is used? It is loaded at the first `attach`, not before.
 *
 *   QP1  a program that does not call `attach` needs no DuckDB.
 *   QP2  values reach DuckDB's vectors by one copy of a column's bytes, through the bindings below the API.
 */

import nodeModule from 'node:module'
import { StrideError } from '../errors.ts'
import { isError } from '../runtime/realms.ts'

/** A vector of DuckDB; valid during one callback. */
export type Vector = object

/** A type of the API. */
export interface DuckType {
  toString(): string
}

/** The bindings below the API: duckdb.h by the same names. */
export interface Bindings {
  data_chunk_get_vector(chunk: object, index: number): Vector
  data_chunk_set_size(chunk: object, size: number): void
  vector_size(): number
  vector_get_data(vector: Vector, bytes: number): Uint8Array
  vector_ensure_validity_writable(vector: Vector): void
  vector_assign_string_element_len(vector: Vector, index: number, bytes: Uint8Array): void
  copy_data_to_vector(to: Vector, at: number, from: ArrayBufferLike, start: number, bytes: number): void
  copy_data_to_vector_validity(
    to: Vector,
    at: number,
    from: ArrayBufferLike,
    start: number,
    bytes: number,
  ): void
  struct_vector_get_child(vector: Vector, index: number): Vector
  array_vector_get_child(vector: Vector): Vector
  list_vector_get_child(vector: Vector): Vector
  list_vector_reserve(vector: Vector, capacity: number): void
  list_vector_set_size(vector: Vector, size: number): void
}

export interface BindInfo {
  readonly clientContext: { readonly connectionId: number }
  getParameter(index: number): unknown
  addResultColumn(name: string, type: DuckType): void
  setBindData(data: object): void
  setCardinality(count: number, isExact: boolean): void
  setError(message: string): void
}
export interface InitInfo {
  readonly bindData: object | undefined
  getColumnIndexes(): readonly number[]
  setInitData(data: object): void
  setMaxThreads(count: number): void
  setError(message: string): void
}
export interface MainInfo {
  readonly initData: object | undefined
  setError(message: string): void
}

/** What of the API is used. */
export interface Api {
  readonly DuckDBTableFunction: {
    create(parts: {
      readonly name: string
      readonly parameterTypes: readonly DuckType[]
      readonly supportsProjectionPushdown: boolean
      bindFunction(info: BindInfo): void
      initFunction(info: InitInfo): void
      mainFunction(info: MainInfo, output: { readonly chunk: object }): void
    }): object
  }
  readonly DuckDBDecimalType: new (width: number, scale: number) => DuckType
  readonly DuckDBStructType: new (names: readonly string[], types: readonly DuckType[]) => DuckType
  ENUM(values: readonly string[]): DuckType
  ARRAY(type: DuckType, length: number): DuckType
  LIST(type: DuckType): DuckType
  readonly BOOLEAN: DuckType
  readonly TINYINT: DuckType
  readonly SMALLINT: DuckType
  readonly INTEGER: DuckType
  readonly BIGINT: DuckType
  readonly UTINYINT: DuckType
  readonly USMALLINT: DuckType
  readonly UINTEGER: DuckType
  readonly UBIGINT: DuckType
  readonly FLOAT: DuckType
  readonly DOUBLE: DuckType
  readonly TIMESTAMP: DuckType
  readonly DATE: DuckType
  readonly VARCHAR: DuckType
  readonly BLOB: DuckType
  readonly UUID: DuckType
}

export interface DuckPackage {
  readonly api: Api
  readonly bindings: Bindings
}

/** Only defined in CommonJS, into which a bundler may convert this file. */
declare const __filename: string | undefined

let loaded: DuckPackage | undefined

/** The package, which is loaded once. @throws ERR_STRIDE_NO_DUCKDB */
export function loadDuckPackage(): DuckPackage {
  loaded ??= load()
  return loaded
}

function load(): DuckPackage {
  let failure: unknown
  for (const place of places()) {
    try {
      const beside = nodeModule.createRequire(place)
      const path = beside.resolve('@duckdb/node-api')
      const api = beside('@duckdb/node-api') as Api
      if (typeof api.DuckDBTableFunction?.create !== 'function') {
        throw noDuckDb(`its version at ${path} has no table functions`)
      }
      return { api, bindings: nodeModule.createRequire(path)('@duckdb/node-bindings') as Bindings }
    } catch (error) {
      failure ??= error
    }
  }
  if (failure instanceof StrideError) throw failure
  throw noDuckDb(isError(failure) ? (failure.message.split('\n')[0] as string) : String(failure))
}

/** Files beside which the package may be installed. */
function places(): string[] {
  const here = import.meta.url as string | undefined
  const bundle = typeof __filename === 'string' ? __filename : undefined
  return [here, bundle, process.argv[1]].filter(place => place !== undefined && place !== '') as string[]
}

function noDuckDb(why: string): StrideError {
  const message = `stridedb/duckdb needs @duckdb/node-api 1.5.5 or later, run npm install @duckdb/node-api: ${why}`
  return new StrideError('ERR_STRIDE_NO_DUCKDB', message)
}
