// What processes and all their descendants use, from /proc.
#pragma once

// Names the roots, as "PID,PID…".
void proctree_roots(const char *pids);

// User and system time in clock ticks, that of children that have ended included.
unsigned long proctree_ticks(void);

// Proportional set size in KiB.
unsigned long proctree_pss(void);
