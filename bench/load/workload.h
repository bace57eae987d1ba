// What a connection does once it is established.
#pragma once
#include <stdbool.h>

#include "client.h"

typedef struct workload {
  const char *name;
  char ask; // what the origin is asked for
  // Goes as far as it can; true when it stopped only for the sake of others.
  bool (*advance)(client *c);
} workload;

// NULL when there is none of that name.
const workload *workload_named(const char *name);
