/**
 * A program that changes ids of items, says when it is done, and waits to be killed: change-keys.ts <store> <changes> <item>
 *
 * The ids are those of items that are in no store, from this one on. The store keeps the indexes that it has.
 */

import { openStore } from 'stridedb'
import { Item, idOf } from './items.ts'

const PER_COMMIT = 100
const [path = '', ...facts] = process.argv.slice(2)
const [changes = 0, firstItem = 0] = facts.map(Number)
const store = openStore(path, Item)
for (let i = 0; i < changes; i++) {
  const n = Math.floor((i * store.size) / changes)
  store.update(n, { id: idOf(firstItem + i) })
  if (i % PER_COMMIT === PER_COMMIT - 1) store.commitSync({ durability: 'process' })
}
store.commitSync({ durability: 'process' })
process.send?.('done')
// Nothing is closed: this is ended by who started it, or with it.
process.on('disconnect', () => process.exit())
setInterval(() => {}, 1_000)
