/**
 * Which tests try properties, and how often when they run for long? `npm run test:long` runs them with all usual runs, and `npm run
 * torture` with these, from another seed each time.
 */

/** How many runs each of these takes in about a minute: those that they make by themselves, ten times. */
export const PROPERTY_FILES: Readonly<Record<string, number>> = {
  'test/engine/store-model.test.ts': 250,
  'test/engine/held-model.test.ts': 400,
  'test/engine/read-paths.test.ts': 200,
  'test/engine/handover.test.ts': 300,
  'test/engine/in-place.test.ts': 200,
  'test/engine/walks.test.ts': 600,
  'test/engine/snapshots/snapshot-model.test.ts': 250,
  'test/engine/index/key-agreement.test.ts': 50,
  'test/engine/index/key-codec.test.ts': 3000,
  'test/engine/index/index-model.test.ts': 400,
  'test/engine/index/store-index.test.ts': 400,
  'test/engine/index/padded-text.test.ts': 600,
  'test/mmap/windows.test.ts': 250,
  'test/query/aggregates.test.ts': 200,
  'test/query/questions.test.ts': 60,
  'test/schema/codecs.test.ts': 3000,
  'test/schema/hostile.test.ts': 4000,
}
