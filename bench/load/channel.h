// A non-blocking TCP connection on loopback, in the clear or under TLS.
#pragma once
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct {
  int fd;
  SSL *tls; // NULL in the clear
} channel;

// What a read, a write or a handshake returns when it moves no byte.
enum {
  CHANNEL_END = 0,     // the peer has ended
  CHANNEL_AGAIN = -1,  // the kernel tells when to go on
  CHANNEL_FAILED = -2, // lost; channel_close is the only thing left
};

// The first byte of a connection tells the origin what to do with it.
enum { ASK_ECHO = 'e', ASK_SINK = 's', ASK_SOURCE = 'g' };

// Both sides of every handshake take this suite, so that nobody's order of preference decides the speed of AES.
#define BENCH_SUITE "TLS_AES_128_GCM_SHA256"

// A listening socket, or the end of the program.
int channel_listen(uint16_t port);

// Begins a connection; fd < 0 when that fails at once.
channel channel_connect(uint16_t port);

// Accepts one connection; fd < 0 when none waits.
channel channel_accept(int listener);

// Whether a begun connection has come about.
bool channel_connected(const channel *c);

// Puts TLS on the connection. The handshake follows.
void channel_secure(channel *c, SSL_CTX *context, bool as_server);

// 1 when done, else one of the above.
int channel_handshake(channel *c);

ssize_t channel_read(channel *c, void *into, size_t size);
ssize_t channel_write(channel *c, const void *from, size_t size);

// Ends the connection; with `notify`, TLS says goodbye before.
void channel_close(channel *c, bool notify);

// Prints OpenSSL's reasons and ends the program.
_Noreturn void tls_fatal(const char *what);
