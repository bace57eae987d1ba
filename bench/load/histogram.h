// Times in nanoseconds, counted in buckets whose width is at most 1/64 of their value.
#pragma once
#include <stdint.h>

void histogram_clear(void);
void histogram_add(uint64_t nanoseconds);

// The time that a share of all times does not exceed, in microseconds; 0 when there are none.
double histogram_quantile(double share);
