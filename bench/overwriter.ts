/**
 * The least that a durable commit can be: 4 KiB written over blocks that were written before, and fdatasync.
 */

import { closeSync, fdatasync, fdatasyncSync, openSync, write, writeSync } from 'node:fs'
import { promisify } from 'node:util'

const BLOCK_BYTES = 4096
const FILE_BYTES = 16 * 2 ** 20

const writeAsync = promisify(write)
const fdatasyncAsync = promisify(fdatasync)

/** A file of 16 MiB, all written and synced; each overwrite takes its next block. */
export class Overwriter {
  syncs = 0
  readonly #fd: number
  readonly #block = Buffer.alloc(BLOCK_BYTES, 1)
  #next = 0

  constructor(path: string) {
    this.#fd = openSync(path, 'w+')
    writeSync(this.#fd, Buffer.alloc(FILE_BYTES, 7), 0, FILE_BYTES, 0)
    fdatasyncSync(this.#fd)
  }

  overwrite(turn: number): void {
    this.#block.writeUInt32LE(turn >>> 0)
    writeSync(this.#fd, this.#block, 0, BLOCK_BYTES, this.#place())
    fdatasyncSync(this.#fd)
    this.syncs++
  }

  async overwriteAsync(turn: number): Promise<void> {
    this.#block.writeUInt32LE(turn >>> 0)
    await writeAsync(this.#fd, this.#block, 0, BLOCK_BYTES, this.#place())
    await fdatasyncAsync(this.#fd)
    this.syncs++
  }

  close(): void {
    closeSync(this.#fd)
  }

  #place(): number {
    const at = this.#next
    this.#next = (at + BLOCK_BYTES) % FILE_BYTES
    return at
  }
}
