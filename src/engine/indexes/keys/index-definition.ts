/**
 * What is an index? Its name, its fields and its kind, and their text in the store's root and in the index file.
 *
 *   ID1  a definition is a frozen copy: later changes of the caller's object reach neither a file nor a lookup.
 * The store's root decides which indexes the store has (root.ts); the index file repeats them beside the pages.
 */

import { StrideError } from '../../../errors.ts'
import { checkIndexName, INDEX_DECLARATION, type IndexKind } from './index-options.ts'

/** The definition of an index: its declaration with default values. */
export interface IndexDefinition {
  /** The name that `store.index` takes. */
  readonly name: string
  /** Dotted paths of its fields, in the order of the key. */
  readonly on: readonly string[]
  /** 'hash' finds single keys, 'ordered' also ranges. */
  readonly kind: IndexKind
  /** Whether a second live record with the same key is refused. */
  readonly unique: boolean
}

/** @throws TypeError for an invalid declaration */
export function defineIndex(name: string, declaration: unknown): IndexDefinition {
  checkIndexName(name)
  const { on, kind, unique } = INDEX_DECLARATION.read(declaration, `index '${name}'`)
  const fields = typeof on === 'string' ? Object.freeze([on]) : on
  return Object.freeze({ name, on: fields, kind, unique })
}

/** Whether two definitions are equal. */
export function isSameDefinition(a: IndexDefinition, b: IndexDefinition): boolean {
  return JSON.stringify(canonical(a)) === JSON.stringify(canonical(b))
}

/** The text of a definition in the index file. */
export function definitionText(definition: IndexDefinition): string {
  return JSON.stringify(canonical(definition))
}

/** The text of all definitions in the store's root. */
export function definitionsText(definitions: readonly IndexDefinition[]): string {
  return definitions.length === 0 ? '' : JSON.stringify(definitions.map(canonical))
}

/** The definitions in a root. @throws ERR_STRIDE_CORRUPT if the text is no definitions */
export function definitionsFrom(text: string, path: string): readonly IndexDefinition[] {
  if (text === '') return []
  try {
    const list = JSON.parse(text) as readonly IndexDefinition[]
    return list.map(({ name, ...options }) => defineIndex(name, options))
  } catch (cause) {
    const message = `${path} is damaged: its root holds no index definitions: ${text.slice(0, 200)}`
    throw new StrideError('ERR_STRIDE_CORRUPT', message, { path, cause })
  }
}

/** The definition in a file's text; undefined if it is none. */
export function definitionFrom(text: string): IndexDefinition | undefined {
  try {
    const { name, ...options } = JSON.parse(text) as IndexDefinition
    return defineIndex(name, options)
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError || error instanceof StrideError)
      return undefined
    throw error
  }
}

function canonical({ name, on, kind, unique }: IndexDefinition): IndexDefinition {
  return { name, on, kind, unique }
}
