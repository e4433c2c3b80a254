/**
 * A DLL without code that exports one function and forwards it to another DLL.
 *
 * Wine 8 has no bcryptprimitives.dll, which programs written in Rust and Go import for one function, ProcessPrng; advapi32
 * has the same under another name. PE32+ by Microsoft's "PE Format": headers, one section, an export directory whose
 * function address points into itself, which makes it a forwarder.
 */

const FILE_ALIGNMENT = 0x200
const SECTION_ALIGNMENT = 0x1000
const HEADERS_AT = 0x80
const OPTIONAL_HEADER_BYTES = 240

/** @param {{ dll: string, name: string, forwardedTo: string }} what @returns {Buffer} the file */
export function forwarderDll({ dll, name, forwardedTo }) {
  const bytes = Buffer.alloc(2 * FILE_ALIGNMENT)
  const exports = writeExports(bytes, { dll, name, forwardedTo })
  writeHeaders(bytes, exports)
  return bytes
}

/** The export directory at the start of the section. @returns how long it is */
function writeExports(bytes, { dll, name, forwardedTo }) {
  const directory = FILE_ALIGNMENT
  const functions = directory + 40
  const names = functions + 4
  const ordinals = names + 4
  let end = ordinals + 2
  const address = at => at - FILE_ALIGNMENT + SECTION_ALIGNMENT
  const text = value => {
    const at = end
    end += bytes.write(`${value}\0`, at, 'latin1')
    return address(at)
  }
  bytes.writeUInt32LE(text(dll), directory + 12)
  bytes.writeUInt32LE(1, directory + 16) // first ordinal
  bytes.writeUInt32LE(1, directory + 20) // functions
  bytes.writeUInt32LE(1, directory + 24) // names
  bytes.writeUInt32LE(address(functions), directory + 28)
  bytes.writeUInt32LE(address(names), directory + 32)
  bytes.writeUInt32LE(address(ordinals), directory + 36)
  bytes.writeUInt32LE(text(name), names)
  bytes.writeUInt32LE(text(forwardedTo), functions)
  return end - directory
}

function writeHeaders(bytes, exportBytes) {
  bytes.write('MZ', 0, 'latin1')
  bytes.writeUInt32LE(HEADERS_AT, 0x3c)
  bytes.write('PE\0\0', HEADERS_AT, 'latin1')
  const coff = HEADERS_AT + 4
  bytes.writeUInt16LE(0x8664, coff) // x64
  bytes.writeUInt16LE(1, coff + 2) // sections
  bytes.writeUInt16LE(OPTIONAL_HEADER_BYTES, coff + 16)
  bytes.writeUInt16LE(0x2022, coff + 18) // executable, large addresses, a DLL
  const optional = coff + 20
  bytes.writeUInt16LE(0x20b, optional) // PE32+
  bytes.writeUInt32LE(FILE_ALIGNMENT, optional + 8)
  bytes.writeBigUInt64LE(0x1_8000_0000n, optional + 24) // where it would like to lie
  bytes.writeUInt32LE(SECTION_ALIGNMENT, optional + 32)
  bytes.writeUInt32LE(FILE_ALIGNMENT, optional + 36)
  bytes.writeUInt16LE(6, optional + 40) // for Windows Vista and later
  bytes.writeUInt16LE(6, optional + 48)
  bytes.writeUInt32LE(2 * SECTION_ALIGNMENT, optional + 56)
  bytes.writeUInt32LE(FILE_ALIGNMENT, optional + 60)
  bytes.writeUInt16LE(3, optional + 68) // console
  bytes.writeUInt16LE(0x160, optional + 70)
  for (const [at, size] of [
    [72, 0x10_0000n],
    [80, 0x1000n],
    [88, 0x10_0000n],
    [96, 0x1000n],
  ])
    bytes.writeBigUInt64LE(size, optional + at)
  bytes.writeUInt32LE(16, optional + 108) // directories; exports are the first
  bytes.writeUInt32LE(SECTION_ALIGNMENT, optional + 112)
  bytes.writeUInt32LE(exportBytes, optional + 116)
  const section = optional + OPTIONAL_HEADER_BYTES
  bytes.write('.rdata', section, 'latin1')
  bytes.writeUInt32LE(exportBytes, section + 8)
  bytes.writeUInt32LE(SECTION_ALIGNMENT, section + 12)
  bytes.writeUInt32LE(FILE_ALIGNMENT, section + 16)
  bytes.writeUInt32LE(FILE_ALIGNMENT, section + 20)
  bytes.writeUInt32LE(0x4000_0040, section + 36) // read-only data
}
