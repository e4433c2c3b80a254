/**
 * How are the key of a record and a looked-up key encoded as words that compare as the keys do?
 *
 *   KC1  a record's key and a looked-up key have equal words exactly if their values are equal (key-leaf.ts, KL2).
 *   KC2  `extract` trusts no byte: it returns a key for any content of a record.
 *   KC3  no code of a caller runs while `words` and the scratch bytes are in use: given-key.ts has run it before.
 * A key that is one leaf of at most four bytes, or of eight, is converted to its one or two words directly.
 */

import { InvariantError } from '../../../errors.ts'
import { shown } from '../../../options/shown-value.ts'
import { isBytes } from '../../../runtime/realms.ts'
import { isContainer, isText, isWide, type LeafNode } from '../../../schema/index.ts'
import { ABSENT, GivenKey, NULL, THERE } from './given-key.ts'
import { codeIn, type Fit, fromRecord, fromValue, named } from './key-leaf.ts'
import type { KeyField, KeyPlan, KeyStep, LeafStep, PresenceLevel } from './key-plan.ts'

/** How a key of one leaf is read; 'steps' for every other key. */
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

/** The position of a value that no field can hold: just above or below all keys that begin with so many bytes of `words`. */
export interface Bound {
  readonly fixedBytes: number
  readonly fit: Fit
}

export class KeyCodec {
  readonly plan: KeyPlan
  /** Bytes of a key. */
  readonly bytes: number
  /** Words of a key; the last one is padded with zeros. */
  readonly wordCount: number
  /** The key that `extract` or `encode` wrote last. */
  readonly words: Uint32Array
  readonly #scratch: Buffer
  readonly #view: DataView
  readonly #shortcut: Shortcut
  /** The only step of a key that is one field without nulls. Not for bytes, since a looked-up value may have any length. */
  readonly #leaf: LeafStep | undefined
  readonly #offset: number
  readonly #isLittle: boolean
  /** For a key that is one text: the highest character code that takes one byte. */
  readonly #codeMax: number
  /** Positions of the presence bytes in a key. */
  readonly #presences: readonly number[]
  /** Enums that list null. */
  readonly #nullables: readonly LeafStep[]

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
    // The value of an object, a tuple or an array is not the value of its only step.
    const isWrapped = plan.fields.some(({ node }) => isContainer(node))
    this.#leaf = isWrapped || leaf?.node.type === 'bytes' ? undefined : leaf
    this.#codeMax = leaf?.node.type === 'latin1' ? 0xff : 0x7f
    this.#offset = leaf?.offset ?? 0
    this.#isLittle = leaf?.node.endian !== 'big'
    this.#presences = plan.steps.filter(({ kind }) => kind === 'presence').map(({ at }) => at)
    this.#nullables = plan.steps.filter(step => step.kind === 'leaf').filter(({ nullCode }) => nullCode >= 0)
  }

  /** Whether one of the values in `words`, or a value within it, is null or absent. */
  get hasNull(): boolean {
    for (const at of this.#presences) if (this.#byteAt(at) !== THERE) return true
    for (const { at, size, nullCode } of this.#nullables) {
      let code = 0
      for (let i = 0; i < size; i++) code = code * 256 + this.#byteAt(at + i)
      if (code === nullCode) return true
    }
    return false
  }

  /** Whether a key is one word that `wordAt` reads. */
  get isWord(): boolean {
    return this.#shortcut === 'u32' || this.#shortcut === 'i32'
  }

  /** Whether a key is one word, and `wordOf` takes the value of the field. */
  get isPlainWord(): boolean {
    return this.isWord && this.#leaf !== undefined
  }

  /** Whether a key is one word that is the value itself. */
  get isUnsignedWord(): boolean {
    return this.#shortcut === 'u32' && this.#leaf !== undefined
  }

  /** The key of the record at `at`, if `isWord`. */
  wordAt(view: DataView, at: number): number {
    const word = view.getUint32(at + this.#offset, this.#isLittle)
    return this.#shortcut === 'u32' ? word : (word ^ 0x80000000) >>> 0
  }

  /** The word of a value, if `isPlainWord`; -1 if no record can have it. @throws TypeError */
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

  /** Sets `words` to the key of a single field without nulls. @returns whether a record can have it */
  #encodeLeaf(leaf: LeafStep, value: unknown): boolean {
    const { words } = this
    const last = words.length - 1
    this.#view.setUint32(last * 4, 0)
    const fit = this.#encodeValue(leaf, value, 0)
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

  /** Sets `words` to the key of a short plain text. @returns false if the text needs `#encodeLeaf` */
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

  /** A copy of a key that runs no code of the caller when it is used, for lookups that may be repeated. @throws TypeError */
  read(value: unknown): unknown {
    return this.#leaf === undefined ? GivenKey.of(this.plan, value) : value
  }

  /**
   * Sets `words` to the key of a value; for an index on several fields an array of values.
   * @param value may be the result of `read`
   * @returns false if no record can have it @throws TypeError for a value of another kind
   */
  encode(value: unknown): boolean {
    if (this.#leaf !== undefined) {
      if (this.isWord) {
        const word = this.wordOf(value)
        this.words[0] = word
        return word >= 0
      }
      if (this.#shortcut === 'text' && typeof value === 'string' && this.#encodeText(value)) return true
      return this.#encodeLeaf(this.#leaf, value)
    }
    const { fixedBytes, fit } = this.#encodeParts(GivenKey.of(this.plan, value))
    if (fit !== 'exact') return false
    if (fixedBytes !== this.bytes) throw new InvariantError(`a key of ${fixedBytes} bytes, not ${this.bytes}`)
    this.#load()
    return true
  }

  /**
   * Sets `words` to the beginning of a key, followed by zeros. There may be fewer values than fields, or one that no field can hold.
   * `isPrefix`: the last value, if it is a text, is the beginning of a text.
   * @throws TypeError
   */
  encodeBound(value: unknown, isPrefix = false): Bound {
    const key = GivenKey.bound(this.plan, value)
    const bound = this.#encodeParts(key)
    this.#load()
    return isPrefix ? shortened(bound, key) : bound
  }

  /** Copies the first `fixedBytes` bytes of the key to `out`, and pads it with `fill`. */
  padded(fixedBytes: number, fill: 0 | 0xff, out: Uint32Array): void {
    this.#store()
    this.#scratch.fill(fill, fixedBytes, this.bytes)
    for (let i = 0; i < this.wordCount; i++) out[i] = this.#view.getUint32(i * 4)
  }

  /** The key of a record for messages: JSON of its values. */
  describe(view: DataView, bytes: Buffer, at: number, read: ReadField): string {
    const values = this.plan.fields.map(({ path }) => read(view, bytes, at, path))
    return show(values.length === 1 ? values[0] : values)
  }

  /** Writes the parts of a key, up to a value that no field can hold. @throws TypeError for any value of the wrong kind */
  #encodeParts({ plan, parts }: GivenKey): Bound {
    const { steps } = plan
    const scratch = this.#scratch
    scratch.fill(0)
    let fixedBytes = 0
    let fit: Fit = 'exact'
    for (let i = 0; i < parts.length; i++) {
      let step = steps[i] as KeyStep
      let stepFit: Fit = 'exact'
      if (step.kind === 'presence') {
        const presence = parts[i] as number
        scratch[step.at] = presence
        // The parts of a missing value stay zeros.
        if (presence !== THERE) i += step.inner
        step = steps[i] as KeyStep
      } else {
        stepFit = this.#encodeValue(step, parts[i], step.at)
      }
      if (fit !== 'exact') continue
      fixedBytes = step.at + (stepFit === 'below' ? 0 : step.size)
      fit = stepFit
    }
    return { fixedBytes, fit }
  }

  #encodeValue(step: LeafStep, value: unknown, to: number): Fit {
    try {
      return fromValue(step.node, value, this.#scratch, this.#view, to)
    } catch (error) {
      throw named(error, step.path)
    }
  }

  #extractSteps(view: DataView, at: number): void {
    const key = this.#view
    const bits = at + this.plan.bitmapOffset
    for (const step of this.plan.steps) {
      if (isMissing(step.outer, view, bits)) this.#scratch.fill(0, step.at, step.at + step.size)
      else if (step.kind === 'presence') this.#scratch[step.at] = presenceOf(step.levels, view, bits)
      else if (step.sharesNull && codeIn(step.node, view, at + step.offset) === step.nullCode) {
        this.#scratch[step.at - 1] = NULL
        this.#scratch.fill(0, step.at, step.at + step.size)
      } else fromRecord(step.node, view, at + step.offset, key, step.at)
    }
    this.#load()
  }

  #byteAt(at: number): number {
    return ((this.words[at >>> 2] as number) >>> (24 - 8 * (at & 3))) & 0xff
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
    throw new TypeError(`The field '${path}' of a key takes a number: ${shown(value)}`)
  }
}

function shortcutOf(node: LeafNode): Shortcut {
  if (isText(node)) return node.padding === 'zero' && !isWide(node) ? 'text' : 'steps'
  return SHORTCUTS[node.type] ?? 'steps'
}

/** Reads a field of a record: `readField` of a codec. */
export type ReadField = (view: DataView, bytes: Buffer, at: number, path: string) => unknown

/** The bound of all keys that begin with the last value, if that is a text or bytes. */
function shortened(bound: Bound, key: GivenKey): Bound {
  const last = key.lastLeaf
  if (last === undefined || bound.fixedBytes !== last.step.at + last.step.size) return bound
  const { step, value } = last
  if (isBytes(value) && bound.fit !== 'above') {
    return { fixedBytes: step.at + value.length, fit: 'exact' }
  }
  const { node } = step
  if (typeof value !== 'string' || !isText(node) || bound.fit !== 'exact') return bound
  return {
    fixedBytes:
      step.at + (node.type === 'utf8' ? Buffer.byteLength(value) : value.length * (isWide(node) ? 2 : 1)),
    fit: 'exact',
  }
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
