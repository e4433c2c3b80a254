/**
 * What does `stridedb/schema` export? Layouts and codecs of Zod objects, without any file. The engine imports more, from index.ts.
 */

export { codecFromCanonical, codecOf, layoutFromCanonical } from './codec-of.ts'
export { layoutOf } from './layout.ts'
export { diffLayouts } from './layout-diff.ts'
export * from './public.ts'
export { schemaOf } from './schema-of.ts'
export { isSchema } from './zod-version.ts'
