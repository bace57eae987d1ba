// Puts one kind of load on one port of loopback and prints what came of it as a line of JSON.
//
//   loader --workload download|upload|exchange|connect|idle|stall --port PORT [--tls] [--resume]
//          [--connections N] [--message BYTES] [--warmup SECONDS] [--seconds SECONDS] [--pids PID,PID…]
//
// Closed loop: each connection waits for its answer. The CPU ticks of the processes are read at both ends of the window,
// their memory before the first connection and at the end of it.
#include <getopt.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "client.h"
#include "histogram.h"
#include "proctree.h"
#include "workload.h"

enum { OPENED_AT_ONCE = 50, ESTABLISH_LIMIT_S = 60 };

typedef struct {
  int connections;
  bool tls;
  double warmup, seconds;
} settings;

static _Noreturn void usage(void) {
  fprintf(stderr, "usage: loader --workload NAME --port PORT [options]; see the head of loader.c\n");
  exit(64);
}

static settings parse(int argc, char **argv) {
  static const struct option options[] = {
      {"workload", required_argument, 0, 'w'}, {"port", required_argument, 0, 'p'},
      {"tls", no_argument, 0, 't'},            {"resume", no_argument, 0, 'r'},
      {"connections", required_argument, 0, 'c'}, {"message", required_argument, 0, 'm'},
      {"warmup", required_argument, 0, 'u'},   {"seconds", required_argument, 0, 's'},
      {"pids", required_argument, 0, 'P'},     {0, 0, 0, 0},
  };
  settings s = {.connections = 1, .warmup = 0.4, .seconds = 1};
  the_load.message = 64;
  for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) switch (option) {
    case 'w': the_load.workload = workload_named(optarg); break;
    case 'p': the_load.port = (uint16_t)atoi(optarg); break;
    case 't': s.tls = true; break;
    case 'r': the_load.resume = true; break;
    case 'c': s.connections = atoi(optarg); break;
    case 'm': the_load.message = (size_t)atoi(optarg); break;
    case 'u': s.warmup = atof(optarg); break;
    case 's': s.seconds = atof(optarg); break;
    case 'P': proctree_roots(optarg); break;
    default: usage();
    }
  if (the_load.workload == NULL || the_load.port == 0 || s.connections < 1 || the_load.message < 1 ||
      the_load.message > MESSAGE_LIMIT)
    usage();
  return s;
}

static uint64_t in_seconds(double seconds) {
  return clock_now() + (uint64_t)(seconds * 1e9);
}

// In groups, so that no listen queue overflows.
static void open_all(int count) {
  client *clients = calloc((size_t)count, sizeof *clients);
  uint64_t deadline = in_seconds(ESTABLISH_LIMIT_S);
  for (int i = 0; i < count; i++) {
    client_open(&clients[i]);
    if ((i + 1) % OPENED_AT_ONCE != 0) continue;
    while (established < (uint64_t)(i + 1) && clock_now() < deadline) loop_run(in_seconds(0.001));
  }
}

static double own_cpu(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv) {
  settings s = parse(argc, argv);
  signal(SIGPIPE, SIG_IGN);
  raise_file_limit();
  loop_open();
  bool downloads = strcmp(the_load.workload->name, "download") == 0;
  if (s.tls) the_load.tls = client_context(the_load.resume, downloads);

  unsigned long pss_before = proctree_pss();
  open_all(s.connections);
  loop_run(in_seconds(s.warmup));

  unsigned long ticks_before = proctree_ticks();
  double own_before = own_cpu();
  uint64_t start = clock_now();
  the_window = (window){.open = true, .errors = the_window.errors};
  histogram_clear();
  loop_run(start + (uint64_t)(s.seconds * 1e9));
  the_window.open = false;
  double elapsed = (double)(clock_now() - start) / 1e9;
  double own_after = own_cpu();
  unsigned long ticks_after = proctree_ticks();
  unsigned long pss_after = proctree_pss();

  printf("{\"seconds\":%.4f,\"bytes\":%lu,\"messages\":%lu,\"connections\":%lu,\"resumed\":%lu,\"errors\":%lu,"
         "\"established\":%lu,\"p50\":%.1f,\"p99\":%.1f,\"ticks\":%lu,\"ticksPerSecond\":%ld,\"loadCpu\":%.3f,"
         "\"pssBefore\":%lu,\"pssAfter\":%lu}\n",
         elapsed, the_window.bytes, the_window.messages, the_window.connections, the_window.resumed,
         the_window.errors, established, histogram_quantile(0.5), histogram_quantile(0.99),
         ticks_after - ticks_before, sysconf(_SC_CLK_TCK), own_after - own_before, pss_before, pss_after);
  return 0;
}
