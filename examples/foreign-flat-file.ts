/**
 * A foreign flat file, in place: a binary STL (80 bytes of text, a count, triangles of 50 bytes) read, changed and
 * committed with a ten-line schema. Nothing is converted; the file stays an STL.
 *
 *   npx tsx examples/foreign-flat-file.ts
 */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openFlatFile, u16 } from 'stridedb'
import { z } from 'zod'

const Point = z.tuple([z.float32(), z.float32(), z.float32()])
const Triangle = z.object({
  normal: Point,
  a: Point,
  b: Point,
  c: Point,
  attribute: u16(), // a colour, for programs that look at it
})
const HEADER_BYTES = 84
const TRIANGLE_BYTES = 50
const RED = 0b1_11111_00000_00000

type Vector = [number, number, number]

/** A sphere of radius 1 as a binary STL, made by hand. */
function sphere(rings: number, segments: number): Buffer {
  const at = (ring: number, segment: number): Vector => {
    const [latitude, longitude] = [(Math.PI * ring) / rings, (2 * Math.PI * segment) / segments]
    return [
      Math.sin(latitude) * Math.cos(longitude),
      Math.sin(latitude) * Math.sin(longitude),
      Math.cos(latitude),
    ]
  }
  const triangles: [Vector, Vector, Vector][] = []
  for (let ring = 0; ring < rings; ring++) {
    for (let segment = 0; segment < segments; segment++) {
      const corners = [
        at(ring, segment),
        at(ring + 1, segment),
        at(ring + 1, segment + 1),
        at(ring, segment + 1),
      ] as const
      if (ring < rings - 1) triangles.push([corners[0], corners[1], corners[2]])
      if (ring > 0) triangles.push([corners[0], corners[2], corners[3]])
    }
  }
  const file = Buffer.alloc(HEADER_BYTES + triangles.length * TRIANGLE_BYTES)
  file.write('a sphere of radius 1')
  file.writeUInt32LE(triangles.length, 80)
  triangles.forEach(([a, b, c], n) => {
    const middle = a.map((x, axis) => (x + b[axis]! + c[axis]!) / 3)
    let offset = HEADER_BYTES + n * TRIANGLE_BYTES
    for (const x of [...middle, ...a, ...b, ...c]) offset = file.writeFloatLE(x, offset)
  })
  return file
}

/** Twice the area, from two sides of the triangle. */
function doubleArea(a: Vector, b: Vector, c: Vector): number {
  const [ux, uy, uz] = [b[0] - a[0], b[1] - a[1], b[2] - a[2]]
  const [vx, vy, vz] = [c[0] - a[0], c[1] - a[1], c[2] - a[2]]
  return Math.hypot(uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx)
}

const folder = mkdtempSync(join(tmpdir(), 'stridedb-stl-'))
try {
  const path = join(folder, 'sphere.stl')
  writeFileSync(path, sphere(100, 200))

  using triangles = openFlatFile(path, Triangle, { offset: HEADER_BYTES })
  console.log(`${triangles.count} triangles of ${triangles.recordSize} bytes, from byte ${HEADER_BYTES} on`)

  let area = 0
  for (const { a, b, c } of triangles.scan()) area += doubleArea(a, b, c) / 2
  console.log(`area ${area.toFixed(2)}, of a perfect sphere ${(4 * Math.PI).toFixed(2)}`)

  const heights = triangles.gather('c').filter((_, i) => i % 3 === 2)
  console.log(`z from ${Math.min(...heights).toFixed(2)} to ${Math.max(...heights).toFixed(2)}`)

  let painted = 0
  for (const { number, normal } of triangles.scan()) {
    if (normal[2] < 0.9) continue
    triangles.update(number, { attribute: RED })
    painted++
  }
  await triangles.commit()

  // Another program sees it: the first triangle's attribute, read without this library.
  const bytes = readFileSync(path)
  const attribute = bytes.readUInt16LE(HEADER_BYTES + 48).toString(16)
  console.log(
    `${painted} triangles painted; triangle 0 now has 0x${attribute}, the file still ${bytes.length} bytes`,
  )
  console.log(`its header still says: ${bytes.toString('latin1', 0, 20)}, ${bytes.readUInt32LE(80)} triangles`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
