/**
 * How are times stored as integers? Unix seconds and milliseconds, FILETIME of Windows, date and time of DOS. All are read as a Date.
 *
 *   TM1  a time finer than the field is refused: a field of seconds refuses a Date with milliseconds, DOS refuses odd seconds.
 *   TM2  a FILETIME is rounded down to a whole millisecond, since a Date holds no more. Every other time is read exactly.
 *   TM3  DOS has no time zone: its fields are those of the Date in UTC.
 */

import { dateMs, isDate } from '../runtime/realms.ts'
import { DATE_MS_MAX, type DosKind, type UnixKind } from './kinds.ts'
import type { Meaning } from './meaning.ts'
import { wrongType } from './reasons.ts'
import { storedInteger } from './stored-integers.ts'

/** The possible times of one kind, in milliseconds. */
interface Times {
  readonly min: number
  readonly max: number
  /** Milliseconds from one time to the next. */
  readonly step: number
  set(view: DataView, at: number, ms: number): void
  get(view: DataView, at: number): number | undefined
}

function meaning({ min, max, step, set, get }: Times): Meaning {
  return {
    expected: 'a Date',
    array: 'Float64Array',
    reasonAgainst(value) {
      if (!isDate(value)) return wrongType('a Date', value)
      const ms = dateMs(value)
      if (Number.isNaN(ms)) return { code: 'invalid_type', message: 'the date is invalid' }
      if (ms < min)
        return { code: 'too_small', message: `the field reaches down to ${shown(min)}, got ${shown(ms)}` }
      if (ms > max)
        return { code: 'too_big', message: `the field reaches up to ${shown(max)}, got ${shown(ms)}` }
      if (ms % step === 0) return null
      return { code: 'not_multiple_of', message: `the field holds whole ${step} ms, got ${shown(ms)}` }
    },
    write: (value, view, _bytes, at) => set(view, at, dateMs(value)),
    read: (view, _bytes, at) => get(view, at),
  }
}

function shown(ms: number): string {
  return new Date(ms).toISOString()
}

export function unixMeaning({ of, unit }: UnixKind, little: boolean): Meaning {
  const { min, max, get, set } = storedInteger(of, little)
  const step = unit === 's' ? 1000 : 1
  return meaning({
    min: Math.max(min * step, -DATE_MS_MAX),
    max: Math.min(max * step, DATE_MS_MAX),
    step,
    set: (view, at, ms) => set(view, at, ms / step),
    get(view, at) {
      const ms = get(view, at) * step
      return Math.abs(ms) <= DATE_MS_MAX ? ms : undefined
    },
  })
}

/** Milliseconds from 1601 to 1970. */
const FILETIME_EPOCH_MS = 11_644_473_600_000
const FILETIMES_PER_MS = 10_000n

export function filetimeMeaning(little: boolean): Meaning {
  return meaning({
    min: -FILETIME_EPOCH_MS,
    max: Number(0xffff_ffff_ffff_ffffn / FILETIMES_PER_MS) - FILETIME_EPOCH_MS,
    step: 1,
    set: (view, at, ms) => view.setBigUint64(at, BigInt(ms + FILETIME_EPOCH_MS) * FILETIMES_PER_MS, little),
    get: (view, at) => Number(view.getBigUint64(at, little) / FILETIMES_PER_MS) - FILETIME_EPOCH_MS,
  })
}

const DOS_YEAR = 1980
const DAY_MS = 86_400_000

export function dosMeaning({ type, lenient }: DosKind, little: boolean): Meaning {
  const times = dosTimes(type === 'dosdatetime', little)
  const strict = meaning(times)
  if (!lenient) return strict
  const { get, set } = storedInteger(type === 'dosdate' ? 'u16' : 'u32', little)
  const scratch = new DataView(new ArrayBuffer(4))
  /** Whether a number is a code without a time. */
  const isCode = (value: unknown): value is number => {
    if (typeof value !== 'number' || !Number.isInteger(value)) return false
    set(scratch, 0, value)
    return get(scratch, 0) === value && times.get(scratch, 0) === undefined
  }
  return {
    ...strict,
    array: 'Array',
    reasonAgainst: value => (isCode(value) ? null : strict.reasonAgainst(value)),
    write(value, view, bytes, at) {
      if (typeof value === 'number') set(view, at, value)
      else strict.write(value, view, bytes, at)
    },
    readCode: get,
  }
}

/** @param hasTime whether two bytes of time precede the date */
function dosTimes(hasTime: boolean, little: boolean): Times {
  const step = hasTime ? 2000 : DAY_MS
  const dateAt = hasTime ? 2 : 0
  return {
    min: Date.UTC(DOS_YEAR, 0, 1),
    max: Date.UTC(DOS_YEAR + 128, 0, 1) - step,
    step,
    set(view, at, ms) {
      const date = new Date(ms)
      const day =
        ((date.getUTCFullYear() - DOS_YEAR) << 9) | ((date.getUTCMonth() + 1) << 5) | date.getUTCDate()
      view.setUint16(at + dateAt, day, little)
      if (!hasTime) return
      const time = (date.getUTCHours() << 11) | (date.getUTCMinutes() << 5) | (date.getUTCSeconds() >> 1)
      view.setUint16(at, time, little)
    },
    get(view, at) {
      const day = view.getUint16(at + dateAt, little)
      const time = hasTime ? view.getUint16(at, little) : 0
      const [month, date] = [(day >> 5) & 15, day & 31]
      const [hours, minutes, seconds] = [time >> 11, (time >> 5) & 63, (time & 31) * 2]
      if (hours > 23 || minutes > 59 || seconds > 59) return undefined
      const ms = Date.UTC(DOS_YEAR + (day >> 9), month - 1, date, hours, minutes, seconds)
      const back = new Date(ms)
      return back.getUTCMonth() === month - 1 && back.getUTCDate() === date ? ms : undefined
    },
  }
}
