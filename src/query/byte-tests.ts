/** How is a field of bytes compared with an operand of any length, without a copy? */

/** Below 0, 0 or above 0, as the field's bytes compare with the operand's. */
export function compareBytes(bytes: Uint8Array, at: number, length: number, operand: Uint8Array): number {
  const least = Math.min(length, operand.length)
  for (let i = 0; i < least; i++) {
    const order = (bytes[at + i] as number) - (operand[i] as number)
    if (order !== 0) return order
  }
  return length - operand.length
}

/** Whether the operand's bytes stand somewhere in the field, one behind the other. */
export function hasBytes(bytes: Uint8Array, at: number, length: number, operand: Uint8Array): boolean {
  for (let from = at; from <= at + length - operand.length; from++) {
    let i = 0
    while (i < operand.length && bytes[from + i] === operand[i]) i++
    if (i === operand.length) return true
  }
  return false
}
