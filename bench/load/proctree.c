#define _GNU_SOURCE
#include "proctree.h"

#include <ctype.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ROOTS = 16, MOST_PROCESSES = 32768 };

typedef struct {
  int pid;
  int parent;
  unsigned long ticks;
  bool counted;
} process;

static int roots[MOST_ROOTS];
static int root_count;
static process processes[MOST_PROCESSES];
static int process_count;

void proctree_roots(const char *pids) {
  char *list = strdup(pids);
  for (char *word = strtok(list, ","); word != NULL && root_count < MOST_ROOTS; word = strtok(NULL, ","))
    roots[root_count++] = atoi(word);
  free(list);
}

// proc(5): the command in parentheses may hold anything, so fields are counted from the last parenthesis.
static bool read_process(const char *pid, process *into) {
  char path[64], text[1024];
  snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
  FILE *file = fopen(path, "r");
  if (file == NULL) return false;
  size_t size = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[size] = 0;
  const char *fields = strrchr(text, ')');
  int parent;
  unsigned long user, system;
  long children_user, children_system;
  if (fields == NULL ||
      sscanf(fields + 1, " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %ld %ld", &parent, &user, &system,
             &children_user, &children_system) != 5)
    return false;
  unsigned long ticks = user + system + (unsigned long)(children_user + children_system);
  *into = (process){.pid = atoi(pid), .parent = parent, .ticks = ticks};
  return true;
}

static void read_processes(void) {
  process_count = 0;
  DIR *proc = opendir("/proc");
  if (proc == NULL) return;
  for (struct dirent *entry; (entry = readdir(proc)) != NULL && process_count < MOST_PROCESSES;)
    if (isdigit(entry->d_name[0]) && read_process(entry->d_name, &processes[process_count])) process_count++;
  closedir(proc);
}

static bool is_counted(int pid) {
  for (int i = 0; i < root_count; i++)
    if (roots[i] == pid) return true;
  for (int i = 0; i < process_count; i++)
    if (processes[i].pid == pid) return processes[i].counted;
  return false;
}

// Marks the roots, then their children, until a pass finds no more.
static void mark_tree(void) {
  read_processes();
  for (bool found = true; found;) {
    found = false;
    for (int i = 0; i < process_count; i++) {
      process *p = &processes[i];
      if (p->counted || !(is_counted(p->pid) || is_counted(p->parent))) continue;
      p->counted = found = true;
    }
  }
}

unsigned long proctree_ticks(void) {
  if (root_count == 0) return 0;
  mark_tree();
  unsigned long sum = 0;
  for (int i = 0; i < process_count; i++)
    if (processes[i].counted) sum += processes[i].ticks;
  return sum;
}

static unsigned long pss_of(int pid) {
  char path[64], line[256];
  snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pid);
  FILE *file = fopen(path, "r");
  if (file == NULL) return 0;
  unsigned long kib = 0;
  while (fgets(line, sizeof line, file) != NULL)
    if (sscanf(line, "Pss: %lu", &kib) == 1) break;
  fclose(file);
  return kib;
}

unsigned long proctree_pss(void) {
  if (root_count == 0) return 0;
  mark_tree();
  unsigned long sum = 0;
  for (int i = 0; i < process_count; i++)
    if (processes[i].counted) sum += pss_of(processes[i].pid);
  return sum;
}
