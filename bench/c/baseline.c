/*
 * What the machine can do: the loops of the benchmarks over the same mapped file, in plain C.
 *
 *   baseline <loop> <operations> <seed> <stride> <data offset> <records> <file> [<second file>]
 *
 * Loops: hash (record numbers of random records' ids, u32 at byte 0, by an open-addressing table over the same memory), field (price, qty and id in turn, on both files in turn), gather (price of random numbers into an array),
 * column (price of all records into an array), scan (qty summed where price is above the limit).
 * Each runs PASSES times over warm pages and prints one line: median ns of a pass, checksum, minor and major
 * page faults of the passes. The record is the Trade of trade.ts, packed and little-endian.
 */

#define _POSIX_C_SOURCE 200809L
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PASSES 3
#define AT_ID 0
#define AT_PRICE 12
#define AT_QTY 20
#define PRICE_LIMIT 900.0

static size_t stride;
static uint64_t records;

static const uint8_t *map(const char *path, long data_offset) {
  struct stat facts;
  int fd = open(path, O_RDONLY);
  if (fd < 0 || fstat(fd, &facts) != 0) {
    perror(path);
    exit(1);
  }
  const uint8_t *base = mmap(NULL, (size_t)facts.st_size, PROT_READ, MAP_SHARED, fd, 0);
  if (base == MAP_FAILED) {
    perror("mmap");
    exit(1);
  }
  close(fd);
  return base + data_offset;
}

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

/* The same xorshift as random.ts. */
static uint32_t *random_numbers(uint32_t seed, size_t count) {
  uint32_t *numbers = malloc(count * sizeof *numbers + 1);
  uint32_t state = seed;
  for (size_t i = 0; i < count; i++) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    numbers[i] = (uint32_t)(state % records);
  }
  return numbers;
}

static double field_loop(const uint8_t *const files[2], const uint32_t *numbers, size_t count) {
  double sum = 0;
  size_t turn = 0;
  for (size_t i = 0; i < count; i++) {
    const uint8_t *record = files[i & 1] + numbers[i] * stride;
    if (turn == 0) sum += f64(record + AT_PRICE);
    else if (turn == 1) sum += u32(record + AT_QTY);
    else sum += u32(record + AT_ID);
    turn = turn == 2 ? 0 : turn + 1;
  }
  return sum;
}

static double gather_loop(const uint8_t *file, const uint32_t *numbers, size_t count, double *out) {
  for (size_t i = 0; i < count; i++) out[i] = f64(file + numbers[i] * stride + AT_PRICE);
  return out[0] + out[count / 2] + out[count - 1];
}

static double column_loop(const uint8_t *file, size_t count, double *out) {
  for (size_t i = 0; i < count; i++) out[i] = f64(file + i * stride + AT_PRICE);
  return out[0] + out[count / 2] + out[count - 1];
}

static double scan_loop(const uint8_t *file, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) {
    const uint8_t *record = file + i * stride;
    if (f64(record + AT_PRICE) > PRICE_LIMIT) sum += u32(record + AT_QTY);
  }
  return sum;
}

/* Record numbers by id: linear probing, at most half full, the key compared where the record lies. */
static uint32_t *table;
static uint32_t table_mask;

static uint32_t mix(uint32_t h) {
  h = (h ^ (h >> 16)) * 0x21f0aaadu;
  h = (h ^ (h >> 15)) * 0x735a2d97u;
  return h ^ (h >> 15);
}

static void build_table(const uint8_t *file) {
  uint32_t size = 1;
  while (size < records * 2) size *= 2;
  table_mask = size - 1;
  table = malloc(size * sizeof *table);
  memset(table, 0xff, size * sizeof *table);
  for (uint64_t n = 0; n < records; n++) {
    uint32_t at = mix(u32(file + n * stride)) & table_mask;
    while (table[at] != UINT32_MAX) at = (at + 1) & table_mask;
    table[at] = (uint32_t)n;
  }
}

/* Keys and answers are arrays, as in the library's batch call. */
static double hash_loop(const uint8_t *file, const uint32_t *keys, size_t count, double *out) {
  for (size_t i = 0; i < count; i++) {
    uint32_t at = mix(keys[i]) & table_mask;
    double found = -1;
    for (; table[at] != UINT32_MAX; at = (at + 1) & table_mask) {
      if (u32(file + table[at] * stride) != keys[i]) continue;
      found = table[at];
      break;
    }
    out[i] = found;
  }
  return out[0] + out[count / 2] + out[count - 1];
}

static double now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int by_size(const void *a, const void *b) {
  double left = *(const double *)a, right = *(const double *)b;
  return (left > right) - (left < right);
}

int main(int argc, char **argv) {
  if (argc < 8) {
    fprintf(stderr, "usage: baseline loop operations seed stride offset records file [file]\n");
    return 2;
  }
  const char *loop = argv[1];
  size_t count = (size_t)strtoull(argv[2], NULL, 10);
  uint32_t seed = (uint32_t)strtoul(argv[3], NULL, 10);
  stride = (size_t)strtoull(argv[4], NULL, 10);
  long data_offset = strtol(argv[5], NULL, 10);
  records = strtoull(argv[6], NULL, 10);
  const uint8_t *files[2] = {map(argv[7], data_offset), NULL};
  files[1] = argc > 8 ? map(argv[8], data_offset) : files[0];
  uint32_t *numbers = random_numbers(seed, count);
  double *out = calloc(count + 1, sizeof *out);
  for (size_t i = 0; i <= count; i++) out[i] = 1; /* Its own pages are not part of the question. */

  if (strcmp(loop, "hash") == 0) {
    build_table(files[0]);
    for (size_t i = 0; i < count; i++) numbers[i] = u32(files[0] + numbers[i] * stride); /* The ids themselves. */
  }

  double times[PASSES], checksum = 0;
  struct rusage before, after;
  for (int pass = -1; pass < PASSES; pass++) { /* The first pass faults pages in and is not counted. */
    if (pass == 0) getrusage(RUSAGE_SELF, &before);
    double start = now_ns();
    if (strcmp(loop, "field") == 0) checksum = field_loop(files, numbers, count);
    else if (strcmp(loop, "hash") == 0) checksum = hash_loop(files[0], numbers, count, out);
    else if (strcmp(loop, "gather") == 0) checksum = gather_loop(files[0], numbers, count, out);
    else if (strcmp(loop, "column") == 0) checksum = column_loop(files[0], count, out);
    else if (strcmp(loop, "scan") == 0) checksum = scan_loop(files[0], count);
    else return 2;
    if (pass >= 0) times[pass] = now_ns() - start;
  }
  getrusage(RUSAGE_SELF, &after);
  qsort(times, PASSES, sizeof *times, by_size);
  printf("%.0f %.17g %ld %ld\n", times[PASSES / 2], checksum, (after.ru_minflt - before.ru_minflt) / PASSES,
         (after.ru_majflt - before.ru_majflt) / PASSES);
  return 0;
}
