/**
 * Frames that wait to be written together, as one row of bytes.
 */

/** Bytes of frames that will be written together; grows as commits come. */
export class FrameGroup {
  bytes: Buffer
  view: DataView
  length = 0

  constructor(capacity = 8 * 1024) {
    this.bytes = Buffer.alloc(capacity)
    this.view = viewOf(this.bytes)
  }

  /** Makes room for that many bytes more. */
  reserve(bytes: number): void {
    const needed = this.length + bytes
    if (needed <= this.bytes.length) return
    const old = this.bytes
    this.bytes = Buffer.allocUnsafeSlow(Math.max(needed, old.length * 2))
    old.copy(this.bytes, 0, 0, this.length)
    this.view = viewOf(this.bytes)
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}
