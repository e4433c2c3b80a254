/**
 * The key of a record, and of a value that somebody asks for: as words that compare as the keys do.
 *
 *   C1  the words of a record's key and of an equal value are equal, and those of unequal ones are not (key-leaf.ts, O2).
 *   C2  `extract` believes no byte: whatever the record holds, it gives some key.
 * One leaf of at most four bytes is one word, made without a detour; so is one of eight bytes two words.
 */

import { InvariantError } from '../../errors.ts'
import { isBytes } from '../../realms.ts'
import type { LeafNode, Node } from '../../schema/index.ts'
import { type Fit, fromRecord, fromValue } from './key-leaf.ts'
import type { KeyField, KeyPlan, KeyStep, LeafStep, PresenceLevel } from './key-plan.ts'

const ABSENT = 0
const NULL = 1
const THERE = 2

/** How the one leaf of a short key is read; 'steps' for every other key. */
type Shortcut = 'steps' | 'text' | 'u8' | 'u16' | 'u32' | 'i32' | 'u64' | 'i64' | 'f64'

const SHORTCUTS: Readonly<Record<string, Shortcut>> = {
  u8: 'u8',
  u16: 'u16',
  u32: 'u32',
  i32: 'i32',
  u64: 'u64',
  i64: 'i64',
  f64: 'f64',
  safeint: 'f64',
  date: 'i64',
}

/** Where a value could not be encoded whole: so many bytes of the key are fixed, and it lies just above or below them. */
export interface Bound {
  readonly fixedBytes: number
  readonly fit: Fit
}

export class KeyCodec {
  readonly plan: KeyPlan
  /** Bytes of a key. */
  readonly bytes: number
  /** Words of a key; the last one is filled up with zeros. */
  readonly wordCount: number
  /** What extract or encode wrote last. */
  readonly words: Uint32Array
  readonly #scratch: Buffer
  readonly #view: DataView
  readonly #shortcut: Shortcut
  /** The one step of a key that is one field without nulls, but for bytes, of which any number may be asked for. */
  readonly #leaf: LeafStep | undefined
  readonly #offset: number
  readonly #isLittle: boolean
  /** Of a key that is one text: the highest character that is one byte of it. */
  readonly #codeMax: number
  /** Where the bytes of a key stand that say whether something is there. */
  readonly #presences: readonly number[]

  constructor(plan: KeyPlan) {
    this.plan = plan
    this.bytes = plan.bytes
    this.wordCount = Math.ceil(plan.bytes / 4)
    this.words = new Uint32Array(this.wordCount)
    this.#scratch = Buffer.alloc(this.wordCount * 4)
    this.#view = new DataView(this.#scratch.buffer, this.#scratch.byteOffset, this.#scratch.length)
    const only = plan.steps.length === 1 ? (plan.steps[0] as KeyStep) : undefined
    const leaf = only?.kind === 'leaf' ? only : undefined
    this.#shortcut = leaf === undefined ? 'steps' : shortcutOf(leaf.node)
    this.#leaf = leaf?.node.type === 'bytes' ? undefined : leaf
    this.#codeMax = leaf?.node.type === 'latin1' ? 0xff : 0x7f
    this.#offset = leaf?.offset ?? 0
    this.#isLittle = leaf?.node.endian !== 'big'
    this.#presences = plan.steps.filter(({ kind }) => kind === 'presence').map(({ at }) => at)
  }

  /** Whether one of the values in `words` is null or absent, or has something in it that is. */
  get hasNull(): boolean {
    for (const at of this.#presences) {
      const word = this.words[at >>> 2] as number
      if (((word >>> (24 - 8 * (at & 3))) & 0xff) !== THERE) return true
    }
    return false
  }

  /** Whether a key is one word that `wordAt` reads. */
  get isWord(): boolean {
    return this.#shortcut === 'u32' || this.#shortcut === 'i32'
  }

  /** Whether that word is the value itself. */
  get isUnsignedWord(): boolean {
    return this.#shortcut === 'u32'
  }

  /** The key of the record at `at`, where it is one word. */
  wordAt(view: DataView, at: number): number {
    const word = view.getUint32(at + this.#offset, this.#isLittle)
    return this.#shortcut === 'u32' ? word : (word ^ 0x80000000) >>> 0
  }

  /** The word of a value, where a key is one word; -1 where no record can have it. @throws TypeError */
  wordOf(value: unknown): number {
    if (typeof value !== 'number') return this.#refuse(value)
    if (this.#shortcut === 'u32') return value >>> 0 === value ? value : -1
    return (value | 0) === value ? (value ^ 0x80000000) >>> 0 : -1
  }

  /** Sets `words` to the key of the record at `at`. */
  extract(view: DataView, at: number): void {
    const { words } = this
    const from = at + this.#offset
    switch (this.#shortcut) {
      case 'u32':
        words[0] = view.getUint32(from, this.#isLittle)
        return
      case 'i32':
        words[0] = view.getUint32(from, this.#isLittle) ^ 0x80000000
        return
      case 'u16':
        words[0] = view.getUint16(from, this.#isLittle) << 16
        return
      case 'u8':
        words[0] = view.getUint8(from) << 24
        return
      case 'u64':
        words[0] = view.getUint32(this.#isLittle ? from + 4 : from, this.#isLittle)
        words[1] = view.getUint32(this.#isLittle ? from : from + 4, this.#isLittle)
        return
      case 'i64':
        words[0] = view.getUint32(this.#isLittle ? from + 4 : from, this.#isLittle) ^ 0x80000000
        words[1] = view.getUint32(this.#isLittle ? from : from + 4, this.#isLittle)
        return
      case 'f64':
        fromRecord((this.plan.steps[0] as LeafStep).node, view, from, this.#view, 0)
        words[0] = this.#view.getUint32(0)
        words[1] = this.#view.getUint32(4)
        return
      case 'text':
        this.#extractText(view, from)
        return
      case 'steps':
        this.#extractSteps(view, at)
    }
  }

  /** The key of a single field without nulls. @returns whether a record can have it */
  #encodeLeaf(leaf: LeafStep, value: unknown): boolean {
    const { words } = this
    const last = words.length - 1
    this.#view.setUint32(last * 4, 0)
    let fit: Fit
    try {
      fit = fromValue(leaf.node, value, this.#scratch, this.#view, 0)
    } catch (error) {
      if (!(error instanceof TypeError)) throw error
      throw new TypeError(`The field '${leaf.path}' of ${error.message}`)
    }
    for (let i = 0; i <= last; i++) words[i] = this.#view.getUint32(i * 4)
    return fit === 'exact'
  }

  #extractText(view: DataView, from: number): void {
    const { words, bytes } = this
    const whole = bytes >>> 2
    for (let i = 0; i < whole; i++) words[i] = view.getUint32(from + i * 4)
    if (whole === words.length) return
    let last = 0
    for (let i = whole * 4; i < bytes; i++) last |= view.getUint8(from + i) << (24 - 8 * (i & 3))
    words[whole] = last
  }

  /** @returns whether `words` are the text's now; not so where it needs a closer look */
  #encodeText(text: string): boolean {
    const { words } = this
    const codeMax = this.#codeMax
    const { length } = text
    if (length > this.bytes) return false
    let word = 0
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i)
      if ((code - 1) >>> 0 >= codeMax) return false
      word = (word << 8) | code
      if ((i & 3) === 3) words[i >>> 2] = word
    }
    let next = length >>> 2
    if ((length & 3) !== 0) words[next++] = word << (32 - 8 * (length & 3))
    for (; next < words.length; next++) words[next] = 0
    return true
  }

  /** Whether the record at `at` has the key `of`, which is not `words`. */
  matches(view: DataView, at: number, of: Uint32Array): boolean {
    this.extract(view, at)
    const { words } = this
    for (let i = 0; i < words.length; i++) if (words[i] !== of[i]) return false
    return true
  }

  /**
   * Sets `words` to the key of a value: the field's, or an array of them where the index is on several.
   * @returns false where no record can have it @throws TypeError for a value of another kind
   */
  encode(value: unknown): boolean {
    const { fields } = this.plan
    if (this.isWord) {
      const word = this.wordOf(value)
      this.words[0] = word
      return word >= 0
    }
    if (this.#shortcut === 'text' && typeof value === 'string' && this.#encodeText(value)) return true
    if (this.#leaf !== undefined) return this.#encodeLeaf(this.#leaf, value)
    const values = fields.length === 1 ? [value] : this.#listOf(value)
    if (values.length !== fields.length) {
      throw new TypeError(`A key of this index has ${fields.length} values: ${values.length}`)
    }
    const { fixedBytes, fit } = this.#encodeFields(values, true)
    this.#load()
    return fixedBytes === this.bytes && fit === 'exact'
  }

  /**
   * Sets `words` to the beginning of a key, zeros behind it: fewer values than fields, or one that no field can hold.
   * `isPrefix`: the last value, a text, is the beginning of one.
   * @throws TypeError
   */
  encodeBound(value: unknown, isPrefix = false): Bound {
    const { fields } = this.plan
    const values = fields.length === 1 || !Array.isArray(value) ? [value] : value.slice()
    if (values.length === 0 || values.length > fields.length) {
      throw new TypeError(`A bound of this index has 1 to ${fields.length} values: ${values.length}`)
    }
    let bound = this.#encodeFields(values, false)
    if (isPrefix) bound = this.#shorten(bound, fields[values.length - 1] as KeyField, values.at(-1))
    this.#load()
    return bound
  }

  /** Fills `out` with the words of `words` up to a byte, and `fill` behind it. */
  padded(fixedBytes: number, fill: 0 | 0xff, out: Uint32Array): void {
    this.#store()
    this.#scratch.fill(fill, fixedBytes, this.bytes)
    for (let i = 0; i < this.wordCount; i++) out[i] = this.#view.getUint32(i * 4)
  }

  /** The key as people read it: JSON of the values of a record. */
  describe(view: DataView, bytes: Buffer, at: number, read: ReadField): string {
    const values = this.plan.fields.map(({ path }) => read(view, bytes, at, path))
    return show(values.length === 1 ? values[0] : values)
  }

  /** A copy: a getter could ask for another key while this one is written. */
  #listOf(value: unknown): readonly unknown[] {
    if (Array.isArray(value)) return value.slice()
    throw new TypeError(
      `A key of this index is an array of ${this.plan.fields.length} values: ${String(value)}`,
    )
  }

  #encodeFields(values: readonly unknown[], isWhole: boolean): Bound {
    this.#scratch.fill(0)
    const { fields, steps } = this.plan
    let end = 0
    for (let i = 0; i < values.length; i++) {
      const field = fields[i] as KeyField
      const step = steps[field.firstStep] as KeyStep
      let fit: Fit
      try {
        if (step.kind === 'leaf' && step.size === field.end - field.at && step.node.type !== 'bytes') {
          fit = fromValue(step.node, values[i], this.#scratch, this.#view, step.at)
          end = fit === 'below' ? field.at : field.end
        } else {
          const state: EncodeState = { step: field.firstStep, fit: 'exact' }
          end = this.#encodeNode(field.node, values[i], state, field.isOptional)
          fit = state.fit
        }
      } catch (error) {
        if (!(error instanceof TypeError)) throw error
        throw new TypeError(`The field '${field.path}' of ${error.message}`)
      }
      if (fit !== 'exact') return { fixedBytes: end, fit }
      if (isWhole && end !== field.end) throw new InvariantError(`a key of ${end} bytes, not ${field.end}`)
    }
    return { fixedBytes: end, fit: 'exact' }
  }

  /** @returns the byte position behind what was written */
  #encodeNode(node: Node, value: unknown, state: EncodeState, hasPresence: boolean): number {
    const { steps } = this.plan
    if (hasPresence) {
      const step = steps[state.step++] as KeyStep
      const isThere = value !== null && value !== undefined
      this.#scratch[step.at] = isThere ? THERE : value === null ? NULL : ABSENT
      if (!isThere) {
        // Zeros are there already.
        const last = skipNode(steps, node, state)
        return last === undefined ? step.at + 1 : last.at + last.size
      }
    }
    const inner = (child: Node, inside: unknown): number =>
      this.#encodeNode(child, inside, state, child.nullable || child.optional)
    let end = 0
    if (node.type === 'object') {
      if (typeof value !== 'object' || value === null)
        throw new TypeError(`a key takes an object: ${String(value)}`)
      for (const { name, node: child } of node.members) {
        end = inner(child, (value as Record<string, unknown>)[name])
        if (state.fit !== 'exact') return end
      }
      return end
    }
    if (node.type === 'tuple' || node.type === 'array') {
      const children =
        node.type === 'tuple' ? node.items : Array.from({ length: node.length }, () => node.element)
      if (!Array.isArray(value) || value.length !== children.length) {
        throw new TypeError(`a key takes an array of ${children.length} values: ${String(value)}`)
      }
      for (const [i, child] of children.entries()) {
        end = inner(child, value[i])
        if (state.fit !== 'exact') return end
      }
      return end
    }
    const step = steps[state.step++] as LeafStep
    state.fit = fromValue(step.node, value, this.#scratch, this.#view, step.at)
    if (state.fit === 'exact' && node.type === 'bytes' && (value as Uint8Array).length < node.length) {
      state.fit = 'below'
      return step.at + step.size
    }
    return state.fit === 'below' ? step.at : step.at + step.size
  }

  #shorten(bound: Bound, field: KeyField, value: unknown): Bound {
    const step = this.plan.steps[field.firstStep + (field.isOptional ? 1 : 0)] as KeyStep
    const isText = step.kind === 'leaf' && isTextLike(step.node)
    if (!isText || (typeof value !== 'string' && !isBytes(value))) return bound
    const given = typeof value === 'string' ? textBytes(step.node, value) : value.length
    if (given > step.node.length || (bound.fit === 'above' && typeof value === 'string')) return bound
    return { fixedBytes: step.at + given, fit: 'exact' }
  }

  #extractSteps(view: DataView, at: number): void {
    const key = this.#view
    const bits = at + this.plan.bitmapOffset
    for (const step of this.plan.steps) {
      if (isMissing(step.outer, view, bits)) this.#scratch.fill(0, step.at, step.at + step.size)
      else if (step.kind === 'leaf') fromRecord(step.node, view, at + step.offset, key, step.at)
      else this.#scratch[step.at] = presenceOf(step.levels, view, bits)
    }
    this.#load()
  }

  #load(): void {
    const { words } = this
    for (let i = 0; i < words.length; i++) words[i] = this.#view.getUint32(i * 4)
  }

  #store(): void {
    const { words } = this
    for (let i = 0; i < words.length; i++) this.#view.setUint32(i * 4, words[i] as number)
  }

  #refuse(value: unknown): never {
    const { path } = this.plan.fields[0] as KeyField
    throw new TypeError(`The field '${path}' of a key takes a number: ${String(value)}`)
  }
}

function shortcutOf(node: LeafNode): Shortcut {
  const isText = node.type === 'ascii' || node.type === 'latin1' || node.type === 'utf8'
  if (isText) return node.padding === 'zero' ? 'text' : 'steps'
  return SHORTCUTS[node.type] ?? 'steps'
}

/** What `describe` reads a field with; a codec's readField. */
export type ReadField = (view: DataView, bytes: Buffer, at: number, path: string) => unknown

interface EncodeState {
  step: number
  fit: Fit
}

/** Passes the steps of a node. @returns the last of them */
function skipNode(steps: readonly KeyStep[], node: Node, state: EncodeState): KeyStep | undefined {
  const pass = (child: Node): void => {
    if (child.nullable || child.optional) state.step++
    skipNode(steps, child, state)
  }
  if (node.type === 'object') for (const { node: child } of node.members) pass(child)
  else if (node.type === 'tuple') for (const child of node.items) pass(child)
  else if (node.type === 'array') for (let i = 0; i < node.length; i++) pass(node.element)
  else state.step++
  return steps[state.step - 1]
}

function isTextLike(node: LeafNode): node is LeafNode & { readonly length: number } {
  return node.type === 'ascii' || node.type === 'latin1' || node.type === 'utf8' || node.type === 'bytes'
}

function textBytes(node: LeafNode, text: string): number {
  return node.type === 'utf8' ? Buffer.byteLength(text) : text.length
}

function isSet(bit: number, view: DataView, bits: number): boolean {
  return bit >= 0 && ((view.getUint8(bits + (bit >> 3)) >> (bit & 7)) & 1) === 1
}

function isMissing(levels: readonly PresenceLevel[], view: DataView, bits: number): boolean {
  for (const { nullBit, absentBit } of levels) {
    if (isSet(nullBit, view, bits) || isSet(absentBit, view, bits)) return true
  }
  return false
}

function presenceOf(levels: readonly PresenceLevel[], view: DataView, bits: number): number {
  for (const { nullBit, absentBit } of levels) {
    if (isSet(nullBit, view, bits)) return NULL
    if (isSet(absentBit, view, bits)) return ABSENT
  }
  return THERE
}

function show(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`
  if (isBytes(value)) return `0x${Buffer.from(value).toString('hex')}`
  return (
    JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? `${inner}n` : inner)) ??
    'undefined'
  )
}
