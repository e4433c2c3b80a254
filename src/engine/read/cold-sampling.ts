/**
 * Do many records that are read next come from the disk? Learned from samples whose price is a small part of the reading.
 *
 * Asking the system about a page costs as much as reading hundreds of records, so that a call asks little while pages were in
 * memory before: one sample for about so much reading as twenty samples take. Where one of them is cold, and at first, a
 * call asks for SAMPLES pages.
 *   LS1  what is asked depends on how much was read, never on a clock.
 */

const SAMPLES = 24
/** What one sample costs, in nanoseconds, on a slow machine; and how much of the reading that may be. */
const SAMPLE_NS = 5000
const SHARE = 1 / 20

export class ColdSampling {
  /** Reading since the last sample, in nanoseconds, by what reads usually take. */
  #readNs = 0
  #isWarm = false

  /**
   * @param count records that are about to be read
   * @param eachNs what reading one from memory takes, about
   * @param isCold whether record i of them, from 0 to below count, lies in a page that is not in memory
   */
  seemsCold(count: number, eachNs: number, isCold: (i: number) => boolean): boolean {
    this.#readNs += count * eachNs
    const affordable = Math.floor((this.#readNs * SHARE) / SAMPLE_NS)
    const samples = Math.min(count, SAMPLES, this.#isWarm ? affordable : SAMPLES)
    if (samples === 0) return false
    this.#readNs = 0
    for (let k = 0; k < samples; k++) {
      // From the middle of equal parts.
      if (isCold(Math.floor(((k + 0.5) * count) / samples))) {
        this.#isWarm = false
        return true
      }
    }
    this.#isWarm = true
    return false
  }
}
