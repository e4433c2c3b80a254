/** The error of a question that cannot be asked: what is wrong with it, and in which field. */

import { StrideError } from '../errors.ts'

/** @param field the path of the field that the question names wrongly */
export function queryError(message: string, field?: string): StrideError {
  return new StrideError('ERR_STRIDE_QUERY', message, field === undefined ? {} : { field })
}
