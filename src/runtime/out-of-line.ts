/**
 * How does a slow path stay out of the code of a fast one?
 *
 * V8 inlines called functions into a function, and that function into loops, up to a budget of bytecode
 * (--max-inlined-bytecode-size). A slow path that ran often while the process was young takes the whole budget for good. Loops then
 * call the fast path instead of inlining it, and box its numbers. A step of a scan took twice as long in some processes as in
 * others, depending on the moment of compilation (docs/performance.md, Scan).
 *   OL1  V8 does not inline a call whose target changes. There are therefore two functions that do the same, and each run replaces the
 *        one that was called by the other.
 */

export class OutOfLine<Argument, Result> {
  readonly #one: (argument: Argument) => Result
  readonly #other: (argument: Argument) => Result
  #isOther = false

  constructor(run: (argument: Argument) => Result) {
    // The source stands here twice, since V8 treats closures of one source as one function.
    this.#one = argument => run(argument)
    this.#other = argument => run(argument)
  }

  /** The function that the caller must use next. Each run asks for it. */
  next(): (argument: Argument) => Result {
    this.#isOther = !this.#isOther
    return this.#isOther ? this.#other : this.#one
  }
}
