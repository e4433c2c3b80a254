/**
 * What could go wrong: a file that only this library can read. The descriptions of a layout are given to real numpy and
 * a real C compiler, which read a store's file where it lies.
 */

import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe as describeLayout, openStore } from 'stridedb'
import { expect, test } from 'vitest'
import { Trade, temporaryFolder, trade } from './support.ts'

const COUNT = 5000
const PYTHONS = ['/usr/bin/python3', 'python3']
const python = PYTHONS.find(path => spawnSync(path, ['-c', 'import numpy']).status === 0)
const hasCompiler = spawnSync('gcc', ['--version']).status === 0
if (python === undefined) console.warn('SKIPPED: no python3 with numpy here')
if (!hasCompiler) console.warn('SKIPPED: no gcc here')

/** A closed store, where its records begin, and the sums that a reader should find. */
function filled(): { path: string; dataOffset: number; expected: string } {
  const path = join(temporaryFolder(), 'trades.stride')
  const records = Array.from({ length: COUNT }, (_, i) => trade(i))
  using store = openStore(path, Trade)
  store.appendMany(records)
  store.commitSync()
  const sum = (of: (record: (typeof records)[number]) => number): number =>
    records.reduce((all, r) => all + of(r), 0)
  const expected = [
    sum(r => r.id),
    sum(r => r.price).toFixed(1),
    sum(r => r.qty),
    sum(r => r.flags),
    records[4321]?.symbol,
  ].join(' ')
  return { path, dataOffset: Number(readFileSync(path).readBigUInt64LE(16)), expected }
}

test.skipIf(python === undefined)('numpy reads the records of a store in place', () => {
  const { path, dataOffset, expected } = filled()
  const program = `
import numpy as np, sys
records = np.memmap(sys.argv[1], dtype=${describeLayout(Trade).numpy}, mode='r', offset=${dataOffset}, shape=(${COUNT},))
print(records['id'].sum(dtype='u8'), '%.1f' % records['price'].sum(), records['qty'].sum(dtype='u8'),
  records['flags'].sum(dtype='u8'), records['symbol'][4321].decode())`
  const run = spawnSync(python as string, ['-c', program, path], { encoding: 'utf8' })
  expect(run.stderr).toBe('')
  expect(run.stdout.trim()).toBe(expected)
})

test.skipIf(!hasCompiler)('a C program reads the records of a store in place', () => {
  const { path, dataOffset, expected } = filled()
  const source = join(temporaryFolder(), 'read.c')
  writeFileSync(
    source,
    `#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
${describeLayout(Trade).c}
int main(int argc, char **argv) {
  char *file = mmap(0, ${dataOffset} + ${COUNT} * sizeof(struct record), PROT_READ, MAP_SHARED, open(argv[1], O_RDONLY), 0);
  const struct record *records = (const struct record *)(file + ${dataOffset});
  unsigned long long id = 0, qty = 0, flags = 0;
  double price = 0;
  for (int n = 0; n < ${COUNT}; n++) {
    id += records[n].id; price += records[n].price; qty += records[n].qty; flags += records[n].flags;
  }
  printf("%llu %.1f %llu %llu %.8s\\n", id, price, qty, flags, records[4321].symbol);
  return argc != 2;
}
`,
  )
  const program = source.replace('.c', '')
  const compile = spawnSync('gcc', ['-Wall', '-Werror', '-O1', '-o', program, source], { encoding: 'utf8' })
  expect(compile.stderr).toBe('')
  const run = spawnSync(program, [path], { encoding: 'utf8' })
  expect(run.stdout.trim()).toBe(expected)
})
