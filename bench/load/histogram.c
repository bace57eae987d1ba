#include "histogram.h"

#include <string.h>

enum { STEPS = 64, STEP_BITS = 6, BUCKETS = (64 - STEP_BITS + 1) * STEPS };

static uint64_t counts[BUCKETS];
static uint64_t total;

// Below 2 * STEPS each value has its own bucket; above, each power of two has STEPS of them.
static unsigned bucket_of(uint64_t value) {
  if (value < STEPS) return (unsigned)value;
  unsigned shift = 63u - (unsigned)__builtin_clzll(value) - STEP_BITS;
  return (shift + 1) * STEPS + (unsigned)(value >> shift) - STEPS;
}

static double middle_of(unsigned bucket) {
  if (bucket < 2 * STEPS) return bucket;
  unsigned shift = bucket / STEPS - 1;
  return ((double)(bucket % STEPS + STEPS) + 0.5) * (double)(UINT64_C(1) << shift);
}

void histogram_clear(void) {
  memset(counts, 0, sizeof counts);
  total = 0;
}

void histogram_add(uint64_t nanoseconds) {
  counts[bucket_of(nanoseconds)]++;
  total++;
}

double histogram_quantile(double share) {
  if (total == 0) return 0;
  uint64_t wanted = (uint64_t)(share * (double)(total - 1)) + 1;
  uint64_t seen = 0;
  for (unsigned i = 0; i < BUCKETS; i++) {
    seen += counts[i];
    if (seen >= wanted) return middle_of(i) / 1000;
  }
  return 0;
}
