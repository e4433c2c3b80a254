/**
 * Two real processes, one named piece of memory, no file: the first initialises it, the next attaches.
 *
 * `created` says who was first. The parent fills in a table of ports, starts a child that opens the same name,
 * reads the table, and counts up a word with Atomics at the same time as the parent does.
 *
 *   npx tsx examples/shared-memory.ts
 */

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { SharedMemory } from 'stridedb/mmap'

const SIZE = 4096
const COUNTER = 0
const PORTS = [8080, 5432, 6379]
const STEPS = 100_000

function countUp(words: Int32Array): void {
  for (let i = 0; i < STEPS; i++) Atomics.add(words, COUNTER, 1)
}

/** The memory as 32-bit words. */
function wordsOf(shared: SharedMemory): Int32Array {
  const { bytes } = shared.view(0, SIZE)
  return new Int32Array(bytes.buffer, bytes.byteOffset, SIZE / 4)
}

async function first(): Promise<void> {
  const name = `stridedb-example-${process.pid}`
  using shared = SharedMemory.open(name, { size: SIZE })
  console.log(`first process: created ${shared.created}, ${shared.size} bytes`)
  const words = wordsOf(shared)
  words.set(PORTS, 1)

  const child = fork(fileURLToPath(import.meta.url), [name])
  const exited = once(child, 'exit')
  await once(child, 'message')
  child.send('go')
  countUp(words)
  const [code] = (await exited) as [number | null]
  if (code !== 0) throw new Error(`The second process ended with ${code}`)
  console.log(`both counted to ${Atomics.load(words, COUNTER)}, together`)
}

async function next(name: string): Promise<void> {
  using shared = SharedMemory.open(name, { size: SIZE })
  const words = wordsOf(shared)
  const ports = Array.from(words.subarray(1, 1 + PORTS.length))
  console.log(`second process: created ${shared.created}, ${shared.size} bytes, ports ${ports.join(', ')}`)
  process.send?.('ready')
  await once(process, 'message')
  countUp(words)
  process.disconnect()
}

const [name] = process.argv.slice(2)
if (name === undefined) await first()
else await next(name)
