/*
 * What the machine can do: the loops of the benchmarks over the same files, in plain C, as a shared object.
 *
 * They run in the process that measures, by its clock, with the numbers and the arrays that it gives (c-baseline.ts), so that
 * they are warmed and timed like every other side. The record is the Trade of trade.ts, packed and little-endian.
 */

#define _POSIX_C_SOURCE 200809L
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define STRIDE 125
#define AT_ID 0
#define AT_PRICE 12
#define AT_QTY 20
#define PRICE_LIMIT 900.0

/* The whole file, for reading; its length goes to *length. NULL where it cannot be mapped. */
const uint8_t *map_file(const char *path, uint64_t *length) {
  struct stat facts;
  int fd = open(path, O_RDONLY);
  if (fd < 0) return NULL;
  if (fstat(fd, &facts) != 0) {
    close(fd);
    return NULL;
  }
  void *base = mmap(NULL, (size_t)facts.st_size, PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
  *length = (uint64_t)facts.st_size;
  return base == MAP_FAILED ? NULL : base;
}

int unmap_file(uint8_t *base, uint64_t length) { return munmap(base, length); }

static double f64(const uint8_t *at) {
  double value;
  memcpy(&value, at, sizeof value);
  return value;
}

static uint32_t u32(const uint8_t *at) {
  uint32_t value;
  memcpy(&value, at, sizeof value);
  return value;
}

/* price, qty and id in turn, of both files in turn */
double field(const uint8_t *a, const uint8_t *b, const uint32_t *numbers, uint64_t count) {
  const uint8_t *const files[2] = {a, b};
  double sum = 0;
  size_t turn = 0;
  for (size_t i = 0; i < count; i++) {
    const uint8_t *record = files[i & 1] + (size_t)numbers[i] * STRIDE;
    if (turn == 0) sum += f64(record + AT_PRICE);
    else if (turn == 1) sum += u32(record + AT_QTY);
    else sum += u32(record + AT_ID);
    turn = turn == 2 ? 0 : turn + 1;
  }
  return sum;
}

/* A double of each record that is numbered, at byte `at` of it. */
void gather(const uint8_t *file, uint64_t at, const uint32_t *numbers, uint64_t count, double *out) {
  for (size_t i = 0; i < count; i++) out[i] = f64(file + (size_t)numbers[i] * STRIDE + at);
}

/* The same of all records. */
void column(const uint8_t *file, uint64_t at, uint64_t count, double *out) {
  for (size_t i = 0; i < count; i++) out[i] = f64(file + i * STRIDE + at);
}

/* The sum of a double of each record, at byte `at` of it. */
double sum(const uint8_t *file, uint64_t at, uint64_t count) {
  double total = 0;
  for (size_t i = 0; i < count; i++) total += f64(file + i * STRIDE + at);
  return total;
}

/* qty summed where price is above the limit */
double scan(const uint8_t *file, uint64_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) {
    const uint8_t *record = file + i * STRIDE;
    if (f64(record + AT_PRICE) > PRICE_LIMIT) sum += u32(record + AT_QTY);
  }
  return sum;
}

/* Record numbers by id: open addressing, linear probing, at most half full, the key compared where the record lies. */
static uint32_t mix(uint32_t h) {
  h = (h ^ (h >> 16)) * 0x21f0aaadu;
  h = (h ^ (h >> 15)) * 0x735a2d97u;
  return h ^ (h >> 15);
}

/* `size` places in `table`, a power of two and at least twice `records`. */
void build_table(const uint8_t *file, uint64_t records, uint32_t *table, uint64_t size) {
  uint32_t mask = (uint32_t)(size - 1);
  memset(table, 0xff, size * sizeof *table);
  for (uint64_t n = 0; n < records; n++) {
    uint32_t at = mix(u32(file + n * STRIDE + AT_ID)) & mask;
    while (table[at] != UINT32_MAX) at = (at + 1) & mask;
    table[at] = (uint32_t)n;
  }
}

/* The number of each key's record, or -1. */
void hash(const uint8_t *file, const uint32_t *table, uint64_t size, const uint32_t *keys, uint64_t count, double *out) {
  uint32_t mask = (uint32_t)(size - 1);
  for (size_t i = 0; i < count; i++) {
    uint32_t at = mix(keys[i]) & mask;
    out[i] = -1;
    for (; table[at] != UINT32_MAX; at = (at + 1) & mask) {
      if (u32(file + (size_t)table[at] * STRIDE) != keys[i]) continue;
      out[i] = table[at];
      break;
    }
  }
}
