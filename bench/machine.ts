/**
 * On what the figures were measured.
 */

import { execFileSync } from 'node:child_process'
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os'

/** What a reader needs to know to compare figures. */
export interface Machine {
  readonly cpus: number
  readonly cpuModel: string
  readonly memoryGiB: number
  readonly node: string
  readonly kernel: string
  readonly fileSystem: string
  readonly load1min: number
  readonly date: string
}

export function describeMachine(folder: string): Machine {
  return {
    cpus: availableParallelism(),
    cpuModel: cpus()[0]?.model ?? 'unknown',
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    kernel: `${process.platform} ${release()}`,
    fileSystem: fileSystemOf(folder),
    load1min: loadavg()[0] ?? 0,
    date: new Date().toISOString(),
  }
}

export function renderMachine(machine: Machine): string {
  const { cpus: count, cpuModel, memoryGiB, node, kernel, fileSystem, load1min, date } = machine
  return [
    `${count} cpus (${cpuModel}), ${memoryGiB} GiB, ${kernel}, ${fileSystem}, Node ${node}`,
    `${date}, load ${load1min.toFixed(2)}`,
  ].join('\n')
}

function fileSystemOf(folder: string): string {
  try {
    return execFileSync('stat', ['-f', '-c', '%T', folder], { encoding: 'utf8' }).trim()
  } catch {
    return 'unknown file system'
  }
}
