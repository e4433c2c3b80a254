/**
 * Which meaning does each kind have? For both codecs.
 *
 * The meanings: number-meanings.ts, time-meanings.ts, uuid-meaning.ts.
 */

import type { MeantNode } from './kinds.ts'
import type { Meaning } from './meaning.ts'
import { bitsMeaning, decimalMeaning, numberTextMeaning } from './number-meanings.ts'
import { dosMeaning, filetimeMeaning, unixMeaning } from './time-meanings.ts'
import { uuidMeaning } from './uuid-meaning.ts'

const known = new WeakMap<MeantNode, Meaning>()

export function meaningOf(node: MeantNode): Meaning {
  let meaning = known.get(node)
  if (meaning === undefined) known.set(node, (meaning = makeMeaning(node)))
  return meaning
}

function makeMeaning(node: MeantNode): Meaning {
  const little = node.endian === 'little'
  switch (node.type) {
    case 'decimal':
      return decimalMeaning(node, little)
    case 'bits':
      return bitsMeaning(node, little)
    case 'numbertext':
      return numberTextMeaning(node)
    case 'unix':
      return unixMeaning(node, little)
    case 'filetime':
      return filetimeMeaning(little)
    case 'dosdate':
    case 'dosdatetime':
      return dosMeaning(node, little)
    case 'uuid':
    case 'guid':
      return uuidMeaning(node.type === 'guid')
  }
}
