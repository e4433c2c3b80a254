/**
 * Who may open a named object on Windows? SECURITY_ATTRIBUTES are made from permission bits.
 *
 * The user of this process may do everything. The bits of the group apply to all authenticated users, those of others to everyone.
 * Without them no other user has access, which is stricter than the default of Windows.
 */

import { StrideError } from '../../errors.ts'
import { GENERIC_READ, GENERIC_WRITE, PAGE_READWRITE } from './constants.ts'
import type { Win32Calls } from './win32-calls.ts'
import { win32Error } from './win32-errors.ts'

const GENERIC_ALL = 0x1000_0000
/** winnt.h: SECURITY_DESCRIPTOR_RELATIVE, its control bits self-relative, DACL present, DACL protected */
const DESCRIPTOR_BYTES = 20
const CONTROL = 0x8000 | 0x0004 | 0x1000
/** SECURITY_ATTRIBUTES: its length, the address of the descriptor, whether handles are inherited */
const ATTRIBUTES_BYTES = 24
const AUTHENTICATED_USERS = Uint8Array.of(1, 1, 0, 0, 0, 0, 0, 5, 11, 0, 0, 0)
const EVERYBODY = Uint8Array.of(1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0)

/** Addresses of attributes by the bits of group and others. Each has a page of its own, which is kept. */
const made = new Map<number, number>()

/** The address of the attributes. */
export function securityFor(calls: Win32Calls, mode: number): number {
  const bits = mode & 0o77
  const known = made.get(bits)
  if (known !== undefined) return known
  const address = calls.allocate(0, calls.pageBytes, PAGE_READWRITE, true)
  if (address < 0) throw win32Error('VirtualAlloc', -address, 'security attributes')
  const bytes = Buffer.from(calls.view(address, calls.pageBytes))
  bytes.writeUInt32LE(ATTRIBUTES_BYTES, 0)
  bytes.writeBigUInt64LE(BigInt(address + ATTRIBUTES_BYTES), 8)
  descriptor(calls, bits).copy(bytes, ATTRIBUTES_BYTES)
  made.set(bits, address)
  return address
}

function descriptor(calls: Win32Calls, bits: number): Buffer {
  const user = calls.userSid()
  if (user[0] !== 1)
    throw new StrideError('ERR_STRIDE_PERMISSION', 'The system does not say who runs this process')
  const entries = [entry(GENERIC_ALL, user)]
  const rights = (each: number): number =>
    ((each & 4) === 0 ? 0 : GENERIC_READ) + ((each & 2) === 0 ? 0 : GENERIC_WRITE)
  if (rights(bits >> 3) !== 0) entries.push(entry(rights(bits >> 3), AUTHENTICATED_USERS))
  if (rights(bits) !== 0) entries.push(entry(rights(bits), EVERYBODY))
  const head = Buffer.alloc(DESCRIPTOR_BYTES)
  head.writeUInt8(1, 0)
  head.writeUInt16LE(CONTROL, 2)
  head.writeUInt32LE(DESCRIPTOR_BYTES, 16)
  // ACL: revision 2, length, number of entries
  const list = Buffer.alloc(8)
  list.writeUInt8(2, 0)
  list.writeUInt16LE(8 + entries.reduce((sum, each) => sum + each.length, 0), 2)
  list.writeUInt16LE(entries.length, 4)
  return Buffer.concat([head, list, ...entries])
}

/** ACCESS_ALLOWED_ACE */
function entry(rights: number, sid: Uint8Array): Buffer {
  const bytes = Buffer.alloc(8 + sid.length)
  bytes.writeUInt16LE(bytes.length, 2)
  bytes.writeUInt32LE(rights, 4)
  bytes.set(sid, 8)
  return bytes
}
