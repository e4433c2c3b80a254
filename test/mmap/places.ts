/**
 * Where the tests of src/mmap put their files, and how they run a second process.
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { createFilePlatform } from '../../src/mmap/node-fs/file-platform.ts'
import type { Platform } from '../../src/mmap/platform.ts'
import { createPosixPlatform } from '../../src/mmap/posix/posix-platform.ts'
import { createSimulatedPlatform } from '../../src/mmap/simulated/simulated-platform.ts'
import { thisSystem } from '../../src/mmap/this-system.ts'
import { removeFolder } from '../remove-folder.ts'
import { callsAsOnMacos } from './macos-on-linux.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** A folder of its own for one test, removed after everything else that the test left to be done at its end. */
export function newFolder(): string {
  const folder = fs.mkdtempSync(join(tmpdir(), 'stridedb-mmap-'))
  onTestFinished(() => removeFolder(folder))
  return folder
}

export interface TestedPlatform {
  readonly name: string
  create(): Platform
}

export const isWindows = process.platform === 'win32'
const { system } = thisSystem()
if (system === undefined) throw new Error('the tests run where koffi loads')

/** All implementations of the seam that this machine can run. */
export const PLATFORMS: readonly TestedPlatform[] = [
  { name: isWindows ? 'win32' : 'posix', create: () => system.createPlatform() },
  ...(process.platform !== 'linux'
    ? []
    : [{ name: 'posix as macOS numbers it', create: () => createPosixPlatform(callsAsOnMacos()) }]),
  { name: 'file', create: () => createFilePlatform(system.fileHelp) },
  { name: 'file without koffi', create: () => createFilePlatform() },
  { name: 'simulated', create: () => createSimulatedPlatform() },
]

/** The end of the event loop's turn, and whatever was due then. */
export async function nextTurn(): Promise<void> {
  await new Promise<void>(resolve => setImmediate(resolve))
  await new Promise<void>(resolve => setImmediate(resolve))
}

/** What a call throws. */
export function thrownBy(run: () => unknown): Error & { readonly code?: string } {
  try {
    run()
  } catch (error) {
    return error as Error
  }
  throw new Error('nothing was thrown')
}

export function codeOf(run: () => unknown): string | undefined {
  return thrownBy(run).code
}

export interface Finished {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a script to its end. `wrapper`: a program that runs node, such as strace. */
export function runScript(
  script: string,
  options: { readonly args?: string[]; readonly nodeArgs?: string[]; readonly wrapper?: string[] } = {},
): Finished {
  const { args = [], nodeArgs = [], wrapper = [] } = options
  const line = [...wrapper, process.execPath, ...nodeArgs, script, ...args]
  const { status, signal, stdout, stderr } = spawnSync(line[0] as string, line.slice(1), {
    cwd: ROOT,
    encoding: 'utf8',
    timeout: 50_000,
  })
  return { status, signal, stdout, stderr }
}

/** A script that runs beside the test: it writes lines, and reads lines from the test. */
export class Companion {
  readonly process: ChildProcess
  #buffered = ''
  #errors = ''
  readonly #waiting: ((line: string) => void)[] = []
  readonly #lines: string[] = []

  constructor(script: string, args: string[] = []) {
    this.process = spawn(process.execPath, [script, ...args], { cwd: ROOT, stdio: 'pipe' })
    this.process.stderr?.on('data', chunk => {
      this.#errors += String(chunk)
    })
    this.process.stdout?.on('data', chunk => {
      this.#buffered += String(chunk)
      const lines = this.#buffered.split('\n')
      this.#buffered = lines.pop() as string
      for (const line of lines) {
        const waiting = this.#waiting.shift()
        if (waiting === undefined) this.#lines.push(line)
        else waiting(line)
      }
    })
    onTestFinished(() => void this.process.kill('SIGKILL'))
  }

  async line(): Promise<string> {
    const line = this.#lines.shift()
    if (line !== undefined) return line
    return await new Promise((resolve, reject) => {
      this.#waiting.push(resolve)
      this.process.once('exit', code => reject(new Error(`the child ended with ${code}: ${this.#errors}`)))
    })
  }

  say(line: string): void {
    this.process.stdin?.write(`${line}\n`)
  }

  async ended(): Promise<number | null> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return this.process.exitCode
    return await new Promise(resolve => this.process.once('exit', code => resolve(code)))
  }

  async kill(): Promise<void> {
    this.process.kill('SIGKILL')
    await this.ended()
  }
}
