/**
 * What do the 16 bytes of a UUID mean? Its text in lower case: '123e4567-e89b-12d3-a456-426614174000' (RFC 9562).
 *
 * A GUID of Windows has the same text, but the first three groups of its bytes are little-endian.
 */

import type { Meaning } from './meaning.ts'
import { show, wrongType } from './reasons.ts'

export const UUID: RegExp = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

const RFC = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]
const GUID = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15]
const EXPECTED = 'a UUID in lower case'

export function uuidMeaning(isGuid: boolean): Meaning {
  const order = isGuid ? GUID : RFC
  return {
    expected: EXPECTED,
    array: 'Array',
    reasonAgainst(value) {
      if (typeof value !== 'string') return wrongType(EXPECTED, value)
      return UUID.test(value)
        ? null
        : { code: 'invalid_format', message: `expected ${EXPECTED}, got ${show(value)}` }
    },
    write(value, _view, bytes, at) {
      const given = Buffer.from((value as string).replaceAll('-', ''), 'hex')
      for (let i = 0; i < 16; i++) bytes[at + (order[i] as number)] = given[i] as number
    },
    read(_view, bytes, at) {
      let text = ''
      for (let i = 0; i < 16; i++) {
        if (i === 4 || i === 6 || i === 8 || i === 10) text += '-'
        text += HEX[bytes[at + (order[i] as number)] as number]
      }
      return text
    },
  }
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
