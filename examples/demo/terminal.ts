/**
 * How the demo speaks: headings, facts, numbers with their units. Colour only where a terminal listens.
 */

const isColourful = process.stdout.isTTY && process.env.NO_COLOR === undefined

const paint = (code: number, text: string): string => (isColourful ? `\x1b[${code}m${text}\x1b[0m` : text)
export const bold = (text: string): string => paint(1, text)
export const dim = (text: string): string => paint(2, text)

export function say(line = ''): void {
  process.stdout.write(`${line}\n`)
}

/** Begins a chapter. */
export function heading(text: string): void {
  say()
  say(bold(text))
}

/** One line, its label in a column of its own. */
export function fact(label: string, value: string): void {
  say(`  ${dim(label.padEnd(12))} ${value}`)
}

/** 3304848 as "3,304,848". */
export const whole = (value: number | bigint): string => value.toLocaleString('en-US')

/** Bytes with a unit of a thousand: 413106000 as "413.1 MB". */
export function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  const units = ['kB', 'MB', 'GB']
  let value = bytes / 1000
  while (value >= 1000 && units.length > 1) {
    value /= 1000
    units.shift()
  }
  return `${value.toFixed(1)} ${units[0]}`
}

/** A span of time from milliseconds: "812 ns", "4.1 us", "93 ms", "2.35 s". */
export function duration(ms: number): string {
  if (ms < 0.001) return `${(ms * 1e6).toFixed(0)} ns`
  if (ms < 1) return `${(ms * 1000).toFixed(ms < 0.01 ? 2 : 0)} us`
  if (ms < 1000) return `${ms.toFixed(ms < 10 ? 1 : 0)} ms`
  return `${(ms / 1000).toFixed(2)} s`
}

/** What a call answers, and how long it took. */
export function timed<T>(work: () => T): { readonly answer: T; readonly ms: number } {
  const start = performance.now()
  const answer = work()
  return { answer, ms: performance.now() - start }
}
