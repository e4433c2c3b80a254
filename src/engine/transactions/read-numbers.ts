/**
 * Which records has a transaction read? Single numbers, and runs of neighbours from walks.
 *
 *   RU1  memory is bounded by the number of different records that were read.
 */

/** A shorter run of neighbours is kept as single numbers. */
const RUN_MIN = 16
/** Runs are joined for the first time when there are so many. */
const RUNS_MIN = 64

interface Run {
  readonly from: number
  readonly to: number
}

export class ReadNumbers {
  readonly #single = new Set<number>()
  /** Runs in any order. They may overlap until they are joined. */
  #runs: Run[] = []
  #areJoined = true
  /** Runs are joined when there are so many. */
  #runsMax = RUNS_MIN
  /** The run that is growing. */
  #from = 0
  #to = 0

  /** Whether so many numbers were read that comparing them one by one is slower than checking each changed record. */
  get isLarge(): boolean {
    return this.#runs.length > 0
  }

  add(n: number): void {
    if (n === this.#to) this.#to++
    else if (n < this.#from || n > this.#to) {
      this.#endRun()
      this.#from = n
      this.#to = n + 1
    }
  }

  has(n: number): boolean {
    if ((n >= this.#from && n < this.#to) || this.#single.has(n)) return true
    if (!this.#areJoined) this.#join()
    const runs = this.#runs
    let low = 0
    let high = runs.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((runs[middle] as Run).to <= n) low = middle + 1
      else high = middle
    }
    const run = runs[low]
    return run !== undefined && n >= run.from
  }

  /** Numbers from `start` on, below `end`. Some may occur twice. */
  *between(start: number, end: number): Generator<number, void> {
    for (const n of this.#single) if (n >= start && n < end) yield n
    for (const { from, to } of [...this.#runs, { from: this.#from, to: this.#to }]) {
      for (let n = Math.max(start, from); n < Math.min(end, to); n++) yield n
    }
  }

  #endRun(): void {
    const run = { from: this.#from, to: this.#to }
    if (run.to - run.from < RUN_MIN) {
      for (let n = run.from; n < run.to; n++) this.#single.add(n)
      return
    }
    this.#runs.push(run)
    this.#areJoined = false
    if (this.#runs.length >= this.#runsMax) this.#join()
  }

  /** Sorts the runs and joins those that touch. */
  #join(): void {
    const joined: Run[] = []
    for (const { from, to } of this.#runs.sort((a, b) => a.from - b.from)) {
      const last = joined.at(-1)
      if (last === undefined || from > last.to) joined.push({ from, to })
      else if (to > last.to) joined[joined.length - 1] = { from: last.from, to }
    }
    this.#runs = joined
    this.#areJoined = true
    this.#runsMax = Math.max(RUNS_MIN, joined.length * 2)
  }
}
