/**
 * What an index is: its name, its fields, its kind; and how the store's root and the index file hold that.
 *
 *   ID1  a definition is a frozen copy of what was given: nothing that a caller changes later reaches a file, nor a lookup.
 * Which definitions a store has is said by its root (root.ts); the index file repeats them beside the pages.
 */

import { StrideError } from '../../../errors.ts'
import { checkIndexName, INDEX_DECLARATION, type IndexKind } from './index-options.ts'

/** An index as it was declared, with its defaults filled in. */
export interface IndexDefinition {
  /** The name that `store.index` takes. */
  readonly name: string
  /** Dotted paths of its fields, in the order of the key. */
  readonly on: readonly string[]
  /** Whether it finds ranges of keys besides keys. */
  readonly kind: IndexKind
  /** Whether a second live record with the same key is refused. */
  readonly unique: boolean
}

/** @throws TypeError for what cannot be meant */
export function defineIndex(name: string, declaration: unknown): IndexDefinition {
  checkIndexName(name)
  const { on, kind, unique } = INDEX_DECLARATION.read(declaration, `index '${name}'`)
  const fields = typeof on === 'string' ? Object.freeze([on]) : on
  return Object.freeze({ name, on: fields, kind, unique })
}

/** Whether both are the same index. */
export function isSameDefinition(a: IndexDefinition, b: IndexDefinition): boolean {
  return JSON.stringify(canonical(a)) === JSON.stringify(canonical(b))
}

/** As the index file holds it. */
export function definitionText(definition: IndexDefinition): string {
  return JSON.stringify(canonical(definition))
}

/** All of a store, as its root holds them. */
export function definitionsText(definitions: readonly IndexDefinition[]): string {
  return definitions.length === 0 ? '' : JSON.stringify(definitions.map(canonical))
}

/** What a root holds. @throws ERR_STRIDE_CORRUPT naming the store where these are no definitions */
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

/** What a file holds, if that is a definition. */
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
