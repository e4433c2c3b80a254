import type { Codec } from './codec.ts'
import type { Layout } from './layout.ts'
export function compileCodec(_layout: Layout, _plain: Codec): Codec | null {
  return null
}
