/**
 * Will many of the next records come from the disk? Decided by samples that cost a small part of the reading.
 *
 * Asking the system about a page costs as much as reading hundreds of records. As long as pages are in memory, a call therefore asks for
 * one sample in about as much reading time as twenty samples cost. The first call, and a call after a cold sample, asks for SAMPLES
 * pages.
 *   LS1  the number of samples depends on how much was read, never on a clock.
 */

const SAMPLES = 24
/** Nanoseconds that one sample costs on a slow machine; then its allowed share of the reading. */
const SAMPLE_NS = 5000
const SHARE = 1 / 20

export class ColdSampling {
  /** Estimated nanoseconds of reading since the last sample. */
  #readNs = 0
  #isWarm = false

  /**
   * @param count how many records will be read
   * @param eachNs nanoseconds to read one from memory, about
   * @param isCold whether the i-th of them, from 0 on, lies in a page that is not in memory
   */
  seemsCold(count: number, eachNs: number, isCold: (i: number) => boolean): boolean {
    this.#readNs += count * eachNs
    const affordable = Math.floor((this.#readNs * SHARE) / SAMPLE_NS)
    const samples = Math.min(count, SAMPLES, this.#isWarm ? affordable : SAMPLES)
    if (samples === 0) return false
    this.#readNs = 0
    for (let k = 0; k < samples; k++) {
      // The middle of each of equal parts.
      if (isCold(Math.floor(((k + 0.5) * count) / samples))) {
        this.#isWarm = false
        return true
      }
    }
    this.#isWarm = true
    return false
  }
}
