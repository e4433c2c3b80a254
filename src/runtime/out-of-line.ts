/**
 * How does a slow path stay out of the code of a fast one?
 *
 * V8 compiles into a function what it calls, and the function into the loops that call it, up to a budget of bytecode
 * (--max-inlined-bytecode-size). A slow path that was busy while the process was young takes all of it, for ever: no loop
 * has the fast path in it then, and each step costs a call and its boxed numbers: a field 53 ns in some processes and 25 in
 * others, as the moment of compilation has it (docs/performance.md, Scan).
 *   OL1  a call whose function changed is left a call. So there are two that do the same, and each run puts the other one in
 *       the place of the one that was called.
 */

export class OutOfLine<Argument, Result> {
  readonly #one: (argument: Argument) => Result
  readonly #other: (argument: Argument) => Result
  #isOther = false

  constructor(run: (argument: Argument) => Result) {
    // Two pieces of source: closures of one are one function to V8.
    this.#one = argument => run(argument)
    this.#other = argument => run(argument)
  }

  /** What the place that calls holds from now on; asked for by each run. */
  next(): (argument: Argument) => Result {
    this.#isOther = !this.#isOther
    return this.#isOther ? this.#other : this.#one
  }
}
