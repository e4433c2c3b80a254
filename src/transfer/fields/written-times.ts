/**
 * Which time does a text mean? In milliseconds since 1970 UTC.
 *
 *   WM1  a time without a zone is UTC, also with a time of day.
 *   WM2  a day that the calendar does not have, and a fraction finer than a millisecond, are refused: nothing is rounded.
 */

import type { DateFormat } from './text-format.ts'

const DAY_MS = 86_400_000
const MONTH_DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

const ISO_DAY = /^([+-]\d{6}|\d{4})-(\d{1,2})-(\d{1,2})(?:$|[T ])/
const SHORT_DAY = /^(\d{1,2})([./-])(\d{1,2})\2(\d{4})(?:$|[T ])/
const CLOCK = /^(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?(Z|z|[+-]\d{2}:?\d{2}|[+-]\d{2})?$/
const COUNT = /^(-?)(\d{1,16})(?:\.(\d+))?$/

/** @returns NaN if the text is no time in this format */
export function timeOfText(text: string, format: DateFormat): number {
  if (format === 'unix' || format === 'unixMs') return countedMs(text, format === 'unix' ? 3 : 0)
  const found = (format === 'iso' ? ISO_DAY : SHORT_DAY).exec(text)
  if (found === null) return Number.NaN
  const [head] = found
  const clock = text.length === head.length && !/[T ]$/.test(head) ? 0 : clockMs(text.slice(head.length))
  if (format === 'iso') return dayMs(Number(found[1]), Number(found[2]), Number(found[3])) + clock
  const [first, second, year] = [Number(found[1]), Number(found[3]), Number(found[4])]
  return (format === 'dmy' ? dayMs(year, second, first) : dayMs(year, first, second)) + clock
}

/**
 * The time of the commonest ISO forms, straight from bytes: YYYY-MM-DD, also with THH:MM:SS, a fraction of three digits and Z.
 * @returns NaN for any other form
 */
export function timeOfIsoBytes(bytes: Uint8Array, from: number, to: number): number {
  const length = to - from
  if (length !== 10 && (length < 19 || length > 24)) return Number.NaN
  if (bytes[from + 4] !== 45 || bytes[from + 7] !== 45) return Number.NaN
  const year = two(bytes, from) * 100 + two(bytes, from + 2)
  const day = dayMs(year, two(bytes, from + 5), two(bytes, from + 8))
  if (length === 10) return day
  const mark = bytes[from + 10]
  if ((mark !== 84 && mark !== 32) || bytes[from + 13] !== 58 || bytes[from + 16] !== 58) return Number.NaN
  const [hours, minutes, seconds] = [two(bytes, from + 11), two(bytes, from + 14), two(bytes, from + 17)]
  if (hours > 23 || minutes > 59 || seconds > 59) return Number.NaN
  let at = from + 19
  let ms = 0
  if (at < to && bytes[at] === 46) {
    if (to - at < 4) return Number.NaN
    ms = two(bytes, at + 1) * 10 + digit(bytes[at + 3] as number)
    at += 4
  }
  if (at < to && (to - at !== 1 || bytes[at] !== 90)) return Number.NaN
  return day + ((hours * 60 + minutes) * 60 + seconds) * 1000 + ms
}

function digit(byte: number): number {
  const value = byte - 48
  return value >= 0 && value <= 9 ? value : Number.NaN
}

function two(bytes: Uint8Array, at: number): number {
  return digit(bytes[at] as number) * 10 + digit(bytes[at + 1] as number)
}

/** Milliseconds of a day at its beginning; NaN if the calendar does not have it. */
function dayMs(year: number, month: number, day: number): number {
  if (!(month >= 1 && month <= 12 && day >= 1 && day <= (MONTH_DAYS[month - 1] as number))) return Number.NaN
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  if (month === 2 && day === 29 && !isLeap) return Number.NaN
  // Days from the civil calendar: years begin in March, so that the leap day is the last one.
  const y = month <= 2 ? year - 1 : year
  const era = Math.floor(y / 400)
  const yearOfEra = y - era * 400
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return (era * 146_097 + dayOfEra - 719_468) * DAY_MS
}

/** @param decimals how many digits of the fraction are milliseconds */
function countedMs(text: string, decimals: number): number {
  const [, sign, whole, fraction = ''] = COUNT.exec(text) ?? []
  if (whole === undefined || /[1-9]/.test(fraction.slice(decimals))) return Number.NaN
  const ms = Number(whole + fraction.slice(0, decimals).padEnd(decimals, '0'))
  return sign === '-' ? 0 - ms : ms
}

function clockMs(text: string): number {
  const found = CLOCK.exec(text)
  if (found === null) return Number.NaN
  const [, hours, minutes, seconds = '0', fraction = '', zone] = found
  if (Number(hours) > 23 || Number(minutes) > 59 || Number(seconds) > 59) return Number.NaN
  if (/[1-9]/.test(fraction.slice(3))) return Number.NaN
  const ms = Number(fraction.slice(0, 3).padEnd(3, '0'))
  return ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000 + ms - zoneMs(zone)
}

function zoneMs(zone: string | undefined): number {
  if (zone === undefined || zone === 'Z' || zone === 'z') return 0
  const digits = zone.slice(1).replace(':', '').padEnd(4, '0')
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2))
  return minutes > 18 * 60 ? Number.NaN : minutes * 60_000 * (zone.startsWith('-') ? -1 : 1)
}
