/**
 * How does a store lay its schema out when it is opened again? As at its creation. What could go wrong: the schema alone does not
 * open what it created, another byte order is read as the file's own, a misfit is explained by its fields alone.
 */

import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { openStore, type StrideError, u8 } from '../../src/index.ts'

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'stride-rules-'))
afterAll(() => fs.rmSync(folder, { recursive: true }))

const Item = z.object({ a: u8(), b: z.uint32(), o: z.object({ c: z.float64(), d: u8() }).nullable() })
const record = { a: 1, b: 0x01020304, o: { c: 1.5, d: 2 } }
const ALIGNS = ['packed', 'natural'] as const
const ENDIANS = ['little', 'big'] as const

describe.each(ALIGNS.flatMap(align => ENDIANS.map(endian => ({ align, endian }))))('a store of %o', rules => {
  const file = path.join(folder, `${rules.align}-${rules.endian}`)

  it('opens with its schema alone, with its rules, with one of them, and without a schema', () => {
    const created = openStore(file, Item, { ...rules, checksums: true })
    created.append(record)
    created.commitSync()
    const { canonical } = created.layout
    created.close()
    for (const options of [{}, rules, { align: rules.align }, { endian: rules.endian }, { validate: false }]) {
      for (const readOnly of [false, true]) {
        const store = openStore(file, Item, { ...options, readOnly })
        expect(store.layout.canonical).toBe(canonical)
        expect(store.get(0)).toEqual(record)
        if (!readOnly) {
          store.update(0, { b: record.b })
          store.commitSync()
        }
        store.close()
      }
    }
    const bare = openStore(file)
    expect(bare.get(0)).toEqual(record)
    bare.close()
  })

  it('refuses other rules, and says its own', () => {
    const others = [
      { align: ALIGNS.find(align => align !== rules.align) },
      { endian: ENDIANS.find(endian => endian !== rules.endian) },
    ] as const
    for (const options of others) {
      const open = (): unknown => openStore(file, Item, options as object)
      expect(open).toThrow(expect.objectContaining({ code: 'ERR_STRIDE_SCHEMA_MISMATCH' }))
      expect(open).toThrow(`its own are align '${rules.align}', endian '${rules.endian}'`)
    }
  })

  it('refuses another schema without speaking of rules', () => {
    let message = ''
    try {
      openStore(file, z.object({ a: u8(), b: z.uint32() })).close()
    } catch (error) {
      message = (error as StrideError).message
    }
    expect(message).toContain("'o' is gone")
    expect(message).not.toContain('its own')
  })
})
