/**
 * Damaged twins of a store's files: plain ones, whose checksums tell, and sealed ones, whose checksums were made right
 * again after the change, as a bug or an attacker would.
 */

import { crc32 } from 'node:zlib'
import { FRAME_FIELD_AT, FRAME_HEADER, JOURNAL_HEADER } from '../../src/engine/format/journal-format.ts'
import { IDENTITY, LAYOUT_OFFSET, ROOT, SHARED_OFFSET } from '../../src/engine/format/store-format.ts'
import type { StructField } from '../../src/engine/format/struct.ts'
import { type Base, JOURNAL_PATH, type Part } from './fuzz-bases.ts'
import type { Random } from './random.ts'
import { STORE_PATH } from './run-workload.ts'

export interface Mutant {
  readonly base: Base
  /** Whether checksums were made right again: then any answer and any code will do. */
  readonly isSealed: boolean
  readonly label: string
  /** What is not damaged is shared with the base. */
  readonly files: ReadonlyMap<string, Uint8Array>
  /** The file that was damaged. */
  readonly path: string
}

export function mutantOf(bases: readonly Base[], random: Random): Mutant {
  const base = random.pick(bases)
  const hasJournal = base.files.has(JOURNAL_PATH)
  const path = hasJournal && random.chance(0.5) ? JOURNAL_PATH : STORE_PATH
  const bytes = Buffer.from(base.files.get(path) as Uint8Array)
  const isSealed = random.chance(0.3)
  const files = new Map(base.files)
  if (!isSealed && path === JOURNAL_PATH && random.chance(0.02)) {
    files.delete(path)
    return { base, isSealed, label: `${base.name}: the journal removed`, files, path }
  }
  const labels: string[] = []
  let damaged: Buffer = bytes
  const changes = random.chance(0.8) ? 1 : 2 + random.below(2)
  for (let i = 0; i < changes; i++) {
    const result = isSealed ? sealed(damaged, base, path, random) : plain(damaged, base, path, random)
    damaged = result.bytes
    labels.push(result.label)
  }
  files.set(path, damaged)
  const file = path === JOURNAL_PATH ? 'journal' : 'store'
  return { base, isSealed, label: `${base.name}, ${file}: ${labels.join(', ')}`, files, path }
}

interface Change {
  readonly bytes: Buffer
  readonly label: string
}

/** A place to damage: most often in something that means something. */
function placeIn(bytes: Buffer, base: Base, path: string, random: Random): { at: number; part: string } {
  const parts = base.parts.get(path) as readonly Part[]
  if (random.chance(0.08)) return { at: random.below(bytes.length), part: 'anywhere' }
  if (path === STORE_PATH && random.chance(0.05))
    return { at: SHARED_OFFSET + random.below(80), part: 'shared words' }
  // First the kind, so that records do not crowd out the roots.
  const kind = random.pick([...new Set(parts.map(part => part.kind))])
  const part = random.pick(parts.filter(each => each.kind === kind))
  const length = part.to - part.from
  // The first and the last bytes of a part are those that decide most.
  const within = random.chance(0.5) ? random.below(Math.min(length, 96)) : random.below(length)
  return { at: Math.min(part.from + within, bytes.length - 1), part: kind }
}

function plain(bytes: Buffer, base: Base, path: string, random: Random): Change {
  if (bytes.length === 0) return { bytes, label: 'nothing left' }
  const { at, part } = placeIn(bytes, base, path, random)
  const length = Math.min(bytes.length - at, random.pick([1, 1, 2, 4, 8, 64, 512, 4096]))
  const where = `${part} at ${at}`
  if (part === 'shared words' && at + 4 <= bytes.length && random.chance(0.5)) {
    const word = at - (at % 4)
    const value = random.pick([0, 1, 2, 2 ** 31, 2 ** 32 - 1])
    if (word + 4 <= bytes.length) bytes.writeUInt32LE(value, word)
    return { bytes, label: `shared word ${(word - SHARED_OFFSET) / 4} says ${value}` }
  }
  const roll = random.below(20)
  if (roll < 8) {
    bytes[at] = (bytes[at] as number) ^ (1 << random.below(8))
    return { bytes, label: `a bit flipped in ${where}` }
  }
  if (roll < 11) {
    for (let i = 0; i < length; i++) bytes[at + i] = random.below(256)
    return { bytes, label: `${length} bytes of noise in ${where}` }
  }
  if (roll < 13) {
    bytes.fill(random.pick([0, 0xff]), at, at + length)
    return { bytes, label: `${length} equal bytes in ${where}` }
  }
  if (roll < 15) return { bytes: bytes.subarray(0, at), label: `cut at ${where}` }
  if (roll < 16) {
    const rest = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)])
    return { bytes: rest, label: `${length} bytes cut out of ${where}` }
  }
  const other = placeIn(bytes, base, path, random)
  const count = Math.min(length, bytes.length - other.at)
  const there = Buffer.from(bytes.subarray(other.at, other.at + count))
  if (roll < 18) {
    bytes.copyWithin(other.at, at, at + count)
    there.copy(bytes, at)
    return { bytes, label: `${count} bytes of ${where} swapped with ${other.part} at ${other.at}` }
  }
  there.copy(bytes, at)
  return { bytes, label: `${count} bytes of ${other.part} at ${other.at} repeated over ${where}` }
}

const ABSURD = [
  0,
  1,
  2,
  3,
  7,
  8,
  511,
  4095,
  4096,
  4097,
  65_535,
  65_536,
  2 ** 20,
  2 ** 30,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 40,
  2 ** 46,
  2 ** 50,
  2 ** 53 - 1,
  2 ** 53,
  2 ** 60,
  2 ** 64 - 2048,
]

function sealed(bytes: Buffer, base: Base, path: string, random: Random): Change {
  if (path === JOURNAL_PATH) {
    const frames = (base.parts.get(path) as readonly Part[]).filter(part => part.kind === 'frame')
    if (frames.length === 0 || random.chance(0.25)) return setField(bytes, 0, JOURNAL_HEADER, random)
    const frame = random.pick(frames)
    if (random.chance(0.6)) return setField(bytes, frame.from, FRAME_HEADER, random)
    return changePayload(bytes, frame, random)
  }
  if (random.chance(0.3)) return setField(bytes, 0, IDENTITY, random)
  if (random.chance(0.15)) return changeLayout(bytes, base, random)
  const root = (base.parts.get(path) as readonly Part[]).find(part => part.kind === 'newest root') as Part
  return setField(bytes, root.from, ROOT, random)
}

interface Described {
  readonly name: string
  readonly size: number
  readonly fields: readonly StructField[]
}

/** Gives one field a value by chance, and the structure a right checksum. */
function setField(bytes: Buffer, at: number, struct: Described, random: Random): Change {
  const field = random.pick(struct.fields)
  const old = bytes.readUInt32LE(at + field.offset)
  let shown: string
  if (field.type === 'bytes' || field.type === 'f64') {
    const size = field.type === 'f64' ? 8 : (field.size ?? 0)
    for (let i = 0; i < size; i++) bytes[at + field.offset + i] = random.below(256)
    shown = 'noise'
  } else {
    const near = Math.max(0, old + random.pick([-1, 1, -8, 8, 4096]))
    const value = random.chance(0.25) ? near : random.pick(ABSURD)
    bytes.writeUInt32LE(value % 2 ** 32, at + field.offset)
    if (field.type === 'u64') bytes.writeUInt32LE(Math.floor(value / 2 ** 32), at + field.offset + 4)
    shown = String(value)
  }
  seal(bytes, at, struct.size)
  return { bytes, label: `${struct.name} at ${at} says ${field.name} ${shown}` }
}

function changePayload(bytes: Buffer, frame: Part, random: Random): Change {
  const payload = frame.from + FRAME_HEADER.size
  const length = Math.min(
    Number(bytes.readBigUInt64LE(frame.from + FRAME_FIELD_AT.payloadBytes)),
    frame.to - payload,
  )
  if (length === 0) return { bytes, label: 'nothing' }
  const at = payload + random.below(length)
  const count = Math.min(payload + length - at, random.pick([1, 1, 4, 8, 32]))
  for (let i = 0; i < count; i++) bytes[at + i] = random.pick([0, 1, 2, 3, 4, 0xff, random.below(256)])
  bytes.writeUInt32LE(crc32(bytes.subarray(payload, payload + length)), frame.from + FRAME_FIELD_AT.payloadCrc)
  seal(bytes, frame.from, FRAME_HEADER.size)
  return { bytes, label: `${count} bytes of the payload changed at ${at}` }
}

function changeLayout(bytes: Buffer, base: Base, random: Random): Change {
  const layout = (base.parts.get(STORE_PATH) as readonly Part[]).find(part => part.kind === 'layout') as Part
  const at = layout.from + random.below(layout.to - layout.from)
  const text = random.pick(['0', '-1', '9', '99999999', '"', '{', '}', '[', ',', 'null', ' ', '\u0000', 'x'])
  bytes.write(text, at)
  const fields = Object.fromEntries(IDENTITY.fields.map(field => [field.name, field.offset]))
  const crc = crc32(bytes.subarray(LAYOUT_OFFSET, layout.to))
  bytes.writeUInt32LE(crc, fields.layoutCrc as number)
  if (random.chance(0.5)) bytes[fields.fingerprint as number] = random.below(256)
  seal(bytes, 0, IDENTITY.size)
  return { bytes, label: `the layout says ${JSON.stringify(text)} at ${at}` }
}

function seal(bytes: Buffer, at: number, size: number): void {
  bytes.writeUInt32LE(crc32(bytes.subarray(at, at + size - 4)), at + size - 4)
}
